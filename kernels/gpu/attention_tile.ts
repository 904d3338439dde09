/**
 * The tile entry of kernels/gpu/attention.ts: several tokens a workgroup, one split after the other.
 *
 * @module
 */
import { unroll } from "../assemble.ts";
import {
  declareSums,
  finishSplit,
  PLACE,
  resetSums,
  type Rows,
  tileStep,
} from "./attention_steps.ts";

/** The WGSL behind attention_rows.wgsl. */
export function tileEntry(name: string, { heads, tokens }: Rows): string {
  const numRows = heads * tokens;
  return `
var<workgroup> totals: array<vec4f, ROWS * HEAD_DIM / 4>; // of all splits so far
var<workgroup> total_maxima: array<f32, ROWS>;
var<workgroup> total_sums: array<f32, ROWS>;
var<workgroup> keeps: array<f32, ROWS>;
var<workgroup> takes: array<f32, ROWS>;

// How a split joins the ones before it; the reduce kernel does the same.
fn join_split(local: u32) {
  if (local < ROWS) {
    let own = maxima[local];
    let before = total_maxima[local];
    let is_seen = weight_sums[local] > 0.0;
    let maximum = select(before, max(before, own), is_seen);
    let keep = exp(before - maximum);
    let take = select(0.0, exp(own - maximum), is_seen);
    keeps[local] = keep;
    takes[local] = take;
    total_maxima[local] = maximum;
    total_sums[local] = fma(weight_sums[local], take, total_sums[local] * keep);
  }
}

@compute @workgroup_size(POSITIONS)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${PLACE}
  let first_head = group.x * HEADS;
  let kv_head = first_head / (NUM_HEADS / NUM_KV_HEADS);
  let first_token = group.y * TOKENS;
  let num_tokens = min(TOKENS, step.num_tokens - first_token);
  load_queries(first_token, first_head, local);
  ${declareSums(numRows)}
  var begin = 0u;
  while (begin < num_tokens) { // tokens of one sequence at a time; mostly all are
    let sequence = tokens[first_token + begin].sequence;
    var end = begin + 1u;
    while (end < num_tokens && tokens[first_token + end].sequence == sequence) {
      end++;
    }
    ${
    unroll(tokens, (m) => `
    let position_${m} = tokens[first_token + min(${m}u, num_tokens - 1u)].position;
    let first_${m} = first_seen(position_${m});
    let end_${m} = select(0u, position_${m} + 1u, ${m}u >= begin && ${m}u < end);`)
  }
    let lowest = first_seen(tokens[first_token + begin].position);
    let highest = tokens[first_token + end - 1u].position;
    for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
      totals[i] = vec4f();
    }
    if (local < ROWS) {
      total_maxima[local] = LOWEST;
      total_sums[local] = 0.0;
    }
    for (var split = lowest / SPLIT; split <= highest / SPLIT; split++) {
      ${resetSums(numRows)}
      let last = min(highest, split * SPLIT + SPLIT - 1u);
      var tile_begin = max(split * SPLIT, lowest / POSITIONS * POSITIONS);
      for (; tile_begin <= last; tile_begin += POSITIONS) {
        ${tileStep({ heads, tokens })}
      }
      ${
    finishSplit(
      numRows,
      "join_split(local);\n    workgroupBarrier();",
      (r) => `
      let i = ${r}u * c4_count + local;
      totals[i] = fma(add_shares(local), vec4f(takes[${r}]), totals[i] * keeps[${r}]);`,
    )
  }
    }
    for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
      let row = i / c4_count;
      let m = row / HEADS;
      if (m >= begin && m < end) {
        let to = (first_token + m) * NUM_HEADS + first_head + row % HEADS; // y[t, head]
        y[to * c4_count + i % c4_count] = totals[i] / total_sums[row];
      }
    }
    workgroupBarrier();
    begin = end;
  }
}
`;
}
