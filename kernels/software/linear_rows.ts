/**
 * Entry points of linear that take the rows of w one after the other, for one or two tokens and rows that are not too long.
 *
 * Method     the tokens' whole rows of x stay in variables while rows of w stream past them, their groups unrolled. Walking along K
 *            with a tile of rows instead loads x anew for every tile and step. Variables must fit the first-level cache, and the code
 *            for a row the instruction cache: rows in several pieces, with sums kept between them, gain nothing.
 *
 * @module
 */
import { unroll } from "../assemble.ts";

/** Groups of the longest row: 16 KB of variables. */
export const MAX_ROW_GROUPS = 28;

/** Groups of the longest row for two tokens: 22 KB of variables. */
const MAX_PAIR_GROUPS = 20;

/** Tiles of a workgroup at most: its loops stay below the 65,535 turns that some drivers allow. */
export const MAX_ROW_TILES = 2048;

const BLOCK_ROWS = 8;

/** Which entry points. */
export interface RowEntryOptions {
  readonly numTokens: 1 | 2;
  /** Of a row. */
  readonly numGroups: number;
  /** Whether the end joins two blocks of a lane. */
  readonly isPaired: boolean;
}

/** Whether so many tokens take rows of this length one after the other. */
export function canTakeRows(numTokens: number, numGroups: number): numTokens is 1 | 2 {
  return numTokens === 1 || (numTokens === 2 && numGroups <= MAX_PAIR_GROUPS);
}

/** A workgroup takes a range of tiles, or of pairs of them. */
export function rowEntryPoint(name: string, options: RowEntryOptions): string {
  const { numTokens, numGroups, isPaired } = options;
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const groups = (line: (g: number) => string) => unroll(numGroups, line);
  const numRows = BLOCK_ROWS * (isPaired ? 2 : 1);
  const sum = (t: number, row: number) => `sums_${t}_${Math.floor(row / 4)}.${"xyzw"[row % 4]}`;
  const load = (g: number) => {
    if (g >= numGroups) return "";
    const scales = g % 8 === 0
      ? `let scales_${g / 8} = load_row_scales(r, ${g / 8}u, block % LANES, at.y);`
      : "";
    return `let w_${g} = textureLoad(w, at + vec2u(${g}u * STEP_TEXELS, 0u)); ${scales}`;
  };
  return `
@compute @workgroup_size(8)
fn ${name}(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) num_groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.x * ${numTokens}u;
  let first = group.y * NUM_TILES / num_groups.y;
  let end = (group.y + 1u) * NUM_TILES / num_groups.y;
  ${tokens((t) => `let row_${t} = x_row(t + ${t}u);\n  let factor_${t} = norm_factor(row_${t});`)}
  ${tokens((t) => groups((g) => `let v_${t}_${g} = load_shared_columns(${g}u, row_${t}, lane);`))}
  for (var tile = first; tile < end; tile++) {
    ${tokens((t) => unroll(numRows / 4, (i) => `var sums_${t}_${i}: vec4f;`))}
    for (var i = 0u; i < ${numRows}u; i++) {
      let r = i % ${BLOCK_ROWS}u;
      let block = block_in_order(tile, i / ${BLOCK_ROWS}u, lane);
      let at = texel_of(block, 0u) + vec2u(r * ROW_TEXELS, 0u);
      ${tokens((t) => `var sum_${t} = 0.0;`)}
      ${load(0)}
      ${
    groups((g) => `
      ${load(g + 1)}
      let codes_${g} = unpack_row(w_${g});
      let scale_${g} = row_scale_of(scales_${g >> 3}, ${g % 8}u);
      ${tokens((t) => `sum_${t} += dot_row(codes_${g}, v_${t}_${g}, scale_${g});`)}`)
  }
      ${
    tokens((t) =>
      unroll(numRows, (row) => `${sum(t, row)} = select(${sum(t, row)}, sum_${t}, i == ${row}u);`)
    )
  }
    }
    let blocks = lane_blocks(tile * LANES + lane);
    let ending = begin_ending(blocks);
    ${tokens((t) => finish(t, isPaired))}
  }
}
`;
}

/** Ends a tile of token t, which may be past the last one. */
function finish(t: number, isPaired: boolean): string {
  const factor = `factor_${t}`;
  const sums = (which: number) =>
    [0, 1].map((half) =>
      `sums_in_order(sums_${t}_${half}, sums_${t}_${
        half + 2
      }, blocks[${which}], ${which}u, lane) * ${factor}`
    ).join(", ");
  return `
    ${t === 0 ? "" : `if (t + ${t}u <= last_token())`} {
      ${
    isPaired
      ? `finish_pair(t + ${t}u, blocks, lane, ${sums(0)}, ${sums(1)}, ending);`
      : `finish(t + ${t}u, blocks.x, lane, sums_${t}_0 * ${factor}, sums_${t}_1 * ${factor}, ending);`
  }
    }`;
}
