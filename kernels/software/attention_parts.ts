/**
 * What attention calls: weights, where things lie in the cache, and what becomes of a query's output.
 *
 * @module
 */
import type { Elem } from "../kernel.ts";
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

/** Overrides, constants and functions of the kernel of these sizes. */
export function attentionFunctions(
  { headDim, numQueries, elem }: { headDim: number; numQueries: number; elem: Elem },
): string {
  const texels = headDim / (elem === "f16" ? 8 : 4);
  const numTouches = Math.ceil(texels / 4); // of 64 bytes by eight lanes each
  return `
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override BLOCK_SIZE: u32;
override CHUNKS: u32; // workgroups that share the query heads of a KV head
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;

const HEAD_BLOCKS = ${headDim / 8}u; // of eight columns
const TEXELS = ${texels}u; // of a head
const NONE = -1.0e30;
const HEADROOM = 40.0; // that scores may rise above the reference: weights stay below e^40

// exp(difference), difference ≤ HEADROOM. What is below the smallest normal number is zero: processors take a hundred times as
// long for the products of such numbers.
fn weight_of(difference: f32) -> f32 {
  return select(0.0, exp(difference), difference > -80.0);
}

fn cap(score: f32) -> f32 {
  if (SOFT_CAP > 0.0) {
    return SOFT_CAP * tanh(score / SOFT_CAP);
  }
  return score;
}

// Head of a workgroup's query h. The last chunk may repeat its last head.
fn head_of(group: u32, h: u32) -> u32 {
  let num_shared = NUM_HEADS / NUM_KV_HEADS;
  return (group / CHUNKS) * num_shared +
    min((group % CHUNKS) * ${numQueries}u + h, num_shared - 1u);
}

// Loads what lies at the texels of eight positions, a line of the processor's cache by each lane, so that it is near when its turn
// comes. What it returns has no meaning.
fn fetch_ahead(number: u32, lane: u32) -> u32 {
  var any = 0u;
  ${
    unroll(numTouches, (i) =>
      `{
    let at = kv_texel_at(number + min((lane * ${numTouches}u + ${i}u) * 4u, TEXELS * 8u - 4u));
    any |= textureLoad(k_cache, at.xy, at.z).x | textureLoad(v_cache, at.xy, at.z).x;
  }`)
  }
  return any;
}

// A score of the first turn, whose highest a lane has seen. Without a window position 0 is in it, which every token sees.
fn first_score(score: f32, highest: f32, lane: u32) -> f32 {
  if (WINDOW > 0u) {
    return highest_of_subgroup(highest, lane);
  }
  return subgroupBroadcast(score, 0u);
}

// Number of the texel that the first eight columns of the eight positions from \`position\` on begin with, lane 0.
fn texel_number_of(sequence: u32, position: u32, kv_head: u32) -> u32 {
  let block = block_tables[sequence * step.max_blocks + position / BLOCK_SIZE];
  let slot = block * BLOCK_SIZE + position % BLOCK_SIZE;
  return kv_texel_number(slot, NUM_KV_HEADS, kv_head, TEXELS);
}
`;
}
