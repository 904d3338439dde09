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

/** The highest score of query h in any lane. Of functions that are called for each query the runtime parses one. */
export const HIGHEST_OF_LANES = `
fn highest_of_lanes(h: u32) -> f32 {
  let first = 8u * h;
  return max(
    max(
      max(lane_highest[first], lane_highest[first + 1u]),
      max(lane_highest[first + 2u], lane_highest[first + 3u]),
    ),
    max(
      max(lane_highest[first + 4u], lane_highest[first + 5u]),
      max(lane_highest[first + 6u], lane_highest[first + 7u]),
    ),
  );
}
`;

/**
 * Adds up what the lanes left of query h in outputs and lane_denominators, and hands it on in blocks of eight columns. Every lane
 * adds up all columns and takes its block: a load whose index is a constant, as it is once the driver has put this in the place of
 * its call, costs a tenth of one that differs by lane.
 */
export function mergeLanes(headDim: number): string {
  const fours = headDim / 4;
  // What lane `lane` hands on, block 8 i + lane.
  const ownFour = (i: number, half: number) => {
    const numBlocks = Math.min(8, headDim / 8 - 8 * i);
    return join(numBlocks, "", (b) => b > 0 ? "select(" : "") + `sum_${16 * i + half}` +
      join(numBlocks, "", (b) => b > 0 ? `, sum_${16 * i + 2 * b + half}, lane == ${b}u)` : "");
  };
  return `
fn merge_lanes(t: u32, h: u32, head: u32, lane: u32) {
  let own = 8u * h;
  let scale = 1.0 / (${join(8, " + ", (l) => `lane_denominators[own + ${l}u]`)});
  let first = ${8 * fours}u * h;
  ${
    unroll(fours, (c) =>
      `let sum_${c} = (${join(8, " + ", (l) => `outputs[first + ${8 * c + l}u]`)}) * scale;`)
  }
  ${
    unroll(Math.ceil(headDim / 64), (i) =>
      `finish(t, head, ${8 * i}u + lane, lane, ${ownFour(i, 0)}, ${ownFour(i, 1)});`)
  }
}
`;
}

/** The same for all queries, where every load costs as much: a lane adds up its block alone. */
export function mergeLanesInLoop(numQueries: number, headDim: number): string {
  const fours = headDim / 4;
  const sum = (half: number) =>
    `(${join(8, " + ", (l) => `outputs[first + ${8 * half + l}u]`)}) * scale`;
  return `
  for (var h = 0u; h < ${numQueries}u; h++) {
    let scale = 1.0 / (${join(8, " + ", (l) => `lane_denominators[8u * h + ${l}u]`)});
    ${
    unroll(Math.ceil(headDim / 64), (i) =>
      `{
      let block = ${8 * i}u + lane;
      let first = ${8 * fours}u * h + 16u * min(block, HEAD_BLOCKS - 1u);
      finish(t, head_of(group.x, h), block, lane, ${sum(0)}, ${sum(1)});
    }`)
  }
  }`;
}
