/**
 * Entry points of linear for the head: many short rows, read for one token even in a prefill. The token's whole row of x stays in
 * variables, and the rows of w stream past it, the groups of each unrolled: a third faster than loading x anew for every block, as
 * long as the variables fit the first-level cache. Several tokens walk along K as elsewhere, a fifth slower.
 *
 * @module
 */
import { unroll } from "../assemble.ts";
import { gemmEntries } from "./linear_tiles.ts";

/** Groups of the longest rows that pay: 36 of them are 20 KB of variables. */
export const MAX_SHORT_GROUPS = 36;

/** Tiles of a workgroup at most. */
export const MAX_SHORT_TILES = 32;

/** Entry points by name, for rows of `numGroups` groups. */
export function shortRowEntries(name: string, numGroups: number): Record<string, string> {
  return {
    [`${name}_gemv`]: gemv(`${name}_gemv`, numGroups),
    ...gemmEntries(name, { isPaired: false, hasRowScales: true }),
  };
}

/** A workgroup takes a range of tiles; lanes have blocks, and take their rows one after the other. */
function gemv(name: string, numGroups: number): string {
  const sums = (first: number) =>
    `vec4f(${[0, 1, 2, 3].map((i) => `row_sums[at + ${8 * (first + i)}u]`).join(", ")}) * factor`;
  return `
override NUM_TILES: u32;

var<workgroup> row_sums: array<f32, ${64 * MAX_SHORT_TILES}>; // of tile, block row and lane

@compute @workgroup_size(8)
fn ${name}(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = x_row(0u);
  ${unroll(numGroups, (g) => `let v_${g} = load_columns(${g}u, row);`)}
  let first = group.y * NUM_TILES / groups.y;
  let num_tiles = (group.y + 1u) * NUM_TILES / groups.y - first;
  for (var i = 0u; i < 8u * num_tiles; i++) {
    let r = i % 8u;
    let at = texel_of((first + i / 8u) * LANES + lane, 0u) + vec2u(r * ROW_TEXELS, 0u);
    ${dotRow(numGroups)}
    row_sums[i * LANES + lane] = sum;
  }
  let factor = norm_factor(row);
  for (var tile = 0u; tile < num_tiles; tile++) {
    let at = 64u * tile + lane;
    finish(0u, (first + tile) * LANES + lane, lane, ${sums(0)}, ${sums(4)});
  }
}
`;
}

/** `sum` of one row; the next texel is loaded before the present one is used. */
function dotRow(numGroups: number): string {
  const load = (g: number) => {
    if (g >= numGroups) return "";
    const scales = g % 8 === 0
      ? `let scales_${g / 8} = load_row_scales(r, ${g / 8}u, lane, at.y);`
      : "";
    return `let w_${g} = textureLoad(w, at + vec2u(${g}u * LANES, 0u)); ${scales}`;
  };
  return `
    var sum = 0.0;
    ${load(0)}
    ${
    unroll(numGroups, (g) => `
    ${load(g + 1)}
    sum += dot_row(unpack_row(w_${g}), v_${g}, scale_of(scales_${g >> 3}, ${g % 8}u));`)
  }`;
}
