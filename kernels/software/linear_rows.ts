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

const BLOCK_ROWS = 8;
const TILE_ROWS = 64;

/** Bytes of workgroup memory that hold sums. */
const SUMS_BYTES = 16384;

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

/** Tiles of a workgroup at most. */
export function maxRowTiles(
  { numTokens, isPaired }: Pick<RowEntryOptions, "numTokens" | "isPaired">,
): number {
  return SUMS_BYTES / (4 * TILE_ROWS * numTokens * (isPaired ? 2 : 1));
}

/**
 * A workgroup takes a range of tiles, or of pairs of them. No tile is ended before all are summed: this driver copies variables
 * that live across a barrier.
 */
export function rowEntryPoint(name: string, options: RowEntryOptions): string {
  const { numTokens, numGroups, isPaired } = options;
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const groups = (line: (g: number) => string) => unroll(numGroups, line);
  const halves = isPaired ? 2 : 1;
  const place = (t: number) => `${name}_sums[(i * ${numTokens}u + ${t}u) * LANES + lane]`;
  const load = (g: number) => {
    if (g >= numGroups) return "";
    const scales = g % 8 === 0
      ? `let scales_${g / 8} = load_row_scales(r, ${g / 8}u, block % LANES, at.y);`
      : "";
    return `let w_${g} = textureLoad(w, at + vec2u(${g}u * STEP_TEXELS, 0u)); ${scales}`;
  };
  return `
var<workgroup> ${name}_sums: array<f32, ${
    SUMS_BYTES / 4
  }>; // of tile, half, block row, token and lane

@compute @workgroup_size(8)
fn ${name}(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) num_groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let t = group.x * ${numTokens}u;
  let first = group.y * NUM_TILES / num_groups.y;
  let num_tiles = (group.y + 1u) * NUM_TILES / num_groups.y - first;
  ${tokens((t) => `let row_${t} = x_row(t + ${t}u);`)}
  ${tokens((t) => groups((g) => `let v_${t}_${g} = load_shared_columns(${g}u, row_${t}, lane);`))}
  for (var i = 0u; i < ${BLOCK_ROWS * halves}u * num_tiles; i++) {
    let r = i % ${BLOCK_ROWS}u;
    let block = block_in_order(first + i / ${
    BLOCK_ROWS * halves
  }u, (i / ${BLOCK_ROWS}u) % ${halves}u, lane);
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
    ${tokens((t) => `${place(t)} = sum_${t};`)}
  }
  workgroupBarrier();
  ${tokens((t) => `let factor_${t} = norm_factor(row_${t});`)}
  for (var tile = 0u; tile < num_tiles; tile++) {
    let blocks = lane_blocks((first + tile) * LANES + lane);
    let ending = begin_ending(blocks);
    ${tokens((t) => finish(name, t, { numTokens, isPaired }))}
  }
}
`;
}

/** Ends a tile of token t, which may be past the last one. */
function finish(
  name: string,
  t: number,
  { numTokens, isPaired }: Pick<RowEntryOptions, "numTokens" | "isPaired">,
): string {
  const halves = isPaired ? 2 : 1;
  const four = (which: number, first: number) => {
    const rows = [0, 1, 2, 3].map((i) =>
      `${name}_sums[((start_${which} + ${
        first + i
      }u) * ${numTokens}u + ${t}u) * LANES + place_${which}.y]`
    );
    return `vec4f(${rows.join(", ")}) * factor_${t}`;
  };
  const sums = (which: number) => `${four(which, 0)}, ${four(which, 4)}`;
  const place = (which: number) => `
      let place_${which} = place_in_order(blocks[${which}], ${which}u, lane);
      let start_${which} = (tile * ${halves}u + place_${which}.x) * ${BLOCK_ROWS}u;`;
  return `
    ${t === 0 ? "" : `if (t + ${t}u <= last_token())`} {
      ${unroll(halves, place)}
      ${
    isPaired
      ? `finish_pair(t + ${t}u, blocks, lane, ${sums(0)}, ${sums(1)}, ending);`
      : `finish(t + ${t}u, blocks.x, lane, ${sums(0)}, ending);`
  }
    }`;
}
