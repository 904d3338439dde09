/**
 * The end of attention: from what eight lanes hold of a query to its output.
 *
 * @module
 */
import { unroll } from "../assemble.ts";

/** Stages eight columns of a head, for lib/stage_*.wgsl. */
export const FINISH_STAGED = `
fn finish(t: u32, head: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  let is_inside = block < HEAD_BLOCKS;
  stage(
    t,
    select(0xfffffffcu, head * HEAD_BLOCKS + block, is_inside),
    lane,
    select(vec4f(0.0), low, is_inside),
    select(vec4f(0.0), high, is_inside),
  );
}
`;

/** Stores them as f32. */
export const FINISH_STORE = `
fn finish(t: u32, head: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  if (block < HEAD_BLOCKS) {
    let at = ((t * NUM_HEADS + head) * HEAD_BLOCKS + block) * 2u; // y[t, head, 8 block ..]
    y[at] = low;
    y[at + 1u] = high;
  }
}
`;

function join(count: number, by: string, item: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => item(i)).join(by);
}

/**
 * Adds up what the lanes have of a query, and hands it on in blocks of eight columns: every lane adds up all columns and takes its
 * block. Goes behind lib/eight_lanes.wgsl.
 */
export function mergeLanes(headDim: number): string {
  const fours = headDim / 4;
  // What lane `lane` hands on, block 8 i + lane.
  const ownFour = (i: number, half: number) => {
    const numBlocks = Math.min(8, headDim / 8 - 8 * i);
    return join(numBlocks, "", (b) => b > 0 ? "select(" : "") + `sum_${16 * i + half}` +
      join(numBlocks, "", (b) => b > 0 ? `, sum_${16 * i + 2 * b + half}, lane == ${b}u)` : "");
  };
  const columns = join(fours, ", ", (c) => `out_${c}: vec4f`);
  return `
fn merge_lanes(t: u32, head: u32, lane: u32, share: f32, denominator: f32, ${columns}) {
  let scale = 1.0 / sum_of_lanes(vec4f(denominator * share), lane).x;
  ${unroll(fours, (c) => `let sum_${c} = sum_of_lanes(out_${c} * share, lane) * scale;`)}
  ${
    unroll(Math.ceil(headDim / 64), (i) =>
      `finish(t, head, ${8 * i}u + lane, lane, ${ownFour(i, 0)}, ${ownFour(i, 1)});`)
  }
}
`;
}
