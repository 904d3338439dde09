/**
 * Stretches of the attention entries that are spelled out for each row: what an invocation holds of a row is in variables.
 *
 * @module
 */
import { unroll } from "../assemble.ts";

/** Rows of a workgroup: every one of `heads` query heads of every token. */
export interface Rows {
  readonly heads: number;
  readonly tokens: number;
}

/** Begins a split: nothing has been seen. */
export function resetSums(numRows: number): string {
  return `
    if (local < ROWS) {
      maxima[local] = LOWEST;
    }
    workgroupBarrier();
    ${unroll(numRows, (r) => `weight_${r} = 0.0;\noutput_${r} = vec4f();`)}`;
}

/** One tile of positions from `tile_begin`, up to `last`; `is_seen_<token>` says which rows see this lane's. */
export function tileStep({ heads, tokens }: Rows): string {
  const rows = (line: (r: number) => string) => unroll(heads * tokens, line);
  const tokenOf = (r: number) => Math.floor(r / heads);
  return `
      let p = tile_begin + local;
      ${rows((r) => `var score_${r} = 0.0;`)}
      if (p <= last) {
        let k = kv_index(sequence, p, kv_head);
        for (var i = 0u; i < c4_count; i++) {
          let key = unpack_elem4(k_cache[k + i]);
          ${rows((r) => `score_${r} = add_products(query[${r}u * c4_count + i], key, score_${r});`)}
        }
      }
      ${
    unroll(tokens, (m) =>
      `let is_seen_${m} = p >= first_${m} && p < end_${m}; // end_<token> is 0 for tokens of others`)
  }
      ${
    rows((r) => `
      score_${r} = cap(score_${r});
      scores[${r}u * POSITIONS + local] = select(LOWEST, score_${r}, is_seen_${tokenOf(r)});`)
  }
      workgroupBarrier();
      update_maxima(local);
      ${
    rows((r) => `
      let own_${r} = select(0.0, exp(score_${r} - maxima[${r}]), is_seen_${tokenOf(r)});
      scores[${r}u * POSITIONS + local] = own_${r};
      weight_${r} = fma(weight_${r}, corrections[${r}], own_${r});
      output_${r} *= corrections[${r}];`)
  }
      workgroupBarrier();
      if (share < num_shares) {
        let tile_end = min(POSITIONS, last + 1u - tile_begin);
        for (var i = share; i < tile_end; i += num_shares) {
          let value = unpack_elem4(v_cache[kv_index(sequence, tile_begin + i, kv_head) + c]);
          ${
    rows((r) => `output_${r} = fma(vec4f(scores[${r}u * POSITIONS + i]), value, output_${r});`)
  }
        }
      }
      workgroupBarrier();`;
}

/** Adds a split's lanes and shares up; `store` takes four outputs of row r. */
export function finishSplit(
  numRows: number,
  between: string,
  store: (r: number) => string,
): string {
  return `
    ${unroll(numRows, (r) => `scores[${r}u * POSITIONS + local] = weight_${r};`)}
    add_weights(local);
    ${between}
    ${
    unroll(numRows, (r) => `
    share_outputs[local] = output_${r};
    workgroupBarrier();
    if (local < c4_count) {
      ${store(r)}
    }
    workgroupBarrier();`)
  }`;
}

/** Which outputs an invocation holds, over which share of a tile. */
export const PLACE = `
  let c4_count = HEAD_DIM / 4u;
  let num_shares = POSITIONS / c4_count;
  let c = local % c4_count;
  let share = local / c4_count;`;

/** An invocation's share of each row's sums. */
export function declareSums(numRows: number): string {
  return unroll(numRows, (r) => `var weight_${r} = 0.0;\n  var output_${r} = vec4f();`);
}
