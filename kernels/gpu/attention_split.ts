/**
 * The split entry of kernels/gpu/attention.ts: one token, SPLIT positions a workgroup.
 *
 * @module
 */
import { declareSums, finishSplit, PLACE, resetSums, tileStep } from "./attention_steps.ts";

/** The WGSL behind attention_rows.wgsl. */
export function splitEntry(name: string, heads: number): string {
  return `
override NUM_SPLITS: u32;

@compute @workgroup_size(POSITIONS)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${PLACE}
  let split = group.x / (NUM_HEADS / HEADS);
  let first_head = group.x % (NUM_HEADS / HEADS) * HEADS;
  let kv_head = first_head / (NUM_HEADS / NUM_KV_HEADS);
  let t = group.y;
  let position = tokens[t].position;
  let sequence = tokens[t].sequence;
  let first_0 = first_seen(position);
  let end_0 = position + 1u;
  if (split < first_0 / SPLIT || split > position / SPLIT) {
    return; // the reduce kernel does not read it
  }
  load_queries(t, first_head, local);
  ${declareSums(heads)}
  ${resetSums(heads)}
  let last = min(position, split * SPLIT + SPLIT - 1u);
  var tile_begin = max(split * SPLIT, first_0 / POSITIONS * POSITIONS);
  for (; tile_begin <= last; tile_begin += POSITIONS) {
    ${tileStep({ heads, tokens: 1 })}
  }
  let to = (t * NUM_HEADS + first_head) * NUM_SPLITS + split; // stats[t, first_head, split]
  ${
    finishSplit(
      heads,
      `if (local < ROWS) {
    stats[to + local * NUM_SPLITS] = vec2f(maxima[local], weight_sums[local]);
  }`,
      (r) => `partials[(to + ${r}u * NUM_SPLITS) * c4_count + local] = add_shares(local);`,
    )
  }
}
`;
}
