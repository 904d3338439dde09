/**
 * attention_tiled: causal attention over a paged KV cache in textures, prefill and decode alike
 *
 *     y[t, h] = Σ_p softmax_p(cap(q[t, h] · k[p, kv(h)] · SCALE)) · v[p, kv(h)],  p ≤ tokens[t].position
 *     cap(s) = SOFT_CAP · tanh(s / SOFT_CAP) if SOFT_CAP is above 0; with WINDOW above 0 only the last WINDOW positions
 *
 * Bindings (group 0)
 *   q             texture     [T, H C]         f32, texel (h C / 4 + c, t)
 *   tokens        read        [T]              Token
 *   block_tables  read        [S, max_blocks]  u32, a sequence's blocks in order
 *   k_cache       texture     elem; see lib/kv_tiles.wgsl
 *   v_cache       texture     elem; see lib/kv_tiles.wgsl
 *   step          uniform     Step
 *   staged        texture     [T, H C]; or y, read_write, [T, H C] f32 in fours
 * Dispatch   (KH · chunks, T): one workgroup for NUM_QUERIES query heads of one KV head, so that they share its loads
 * Method     a lane takes every eighth position, with online softmax of its own; sixteen positions a turn; lanes are merged at the
 *            end. The order of sums depends on the token's position alone, never on the batch.
 * Overrides  C a multiple of 8; BLOCK_SIZE a multiple of 16
 * Precision  f32                                                  Source  arXiv:2205.14135, arXiv:2309.06180
 *
 * @module
 */
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import type { Elem, Kernel } from "../kernel.ts";
import { assembleKernel, memoize, unroll } from "../assemble.ts";
import { type Precision, stagedParts } from "./linear.ts";

/** Which attention. */
export interface AttentionKernelOptions {
  /** C. */
  readonly headDim: number;
  /** Query heads of a workgroup; all of one KV head. */
  readonly numQueries: number;
  /** Of the KV cache. */
  readonly elem: Elem;
  /** Of the activations that it leaves; absent, it leaves f32 in a buffer. */
  readonly staged?: Precision;
}

/** The kernel of these sizes. */
export const attentionKernel: (options: AttentionKernelOptions) => Kernel = memoize((options) => {
  const { headDim, numQueries, elem, staged } = options;
  const end = staged ? stagedParts(staged) : null;
  const name = `attention_tiled_${numQueries}x${headDim}_${elem}${staged ? `_${staged}` : ""}`;
  return assembleKernel(name, {
    bindings: {
      q: ["texture_float"],
      tokens: ["read", "array<Token>"],
      block_tables: ["read", "array<u32>"],
      k_cache: ["texture_uint"],
      v_cache: ["texture_uint"],
      step: ["uniform", "Step"],
      ...(end ? end.bindings : { y: ["read_write", "array<vec4f>"] }),
    },
    parts: [
      step,
      elem === "f16" ? texelF16 : texelF32,
      kvTiles,
      end ? end.part + END_STAGED : END_STORE,
      head(headDim),
      body(name, headDim, numQueries, elem),
    ],
  });
});

const END_STAGED = `
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

const END_STORE = `
fn finish(t: u32, head: u32, block: u32, lane: u32, low: vec4f, high: vec4f) {
  if (block < HEAD_BLOCKS) {
    let at = ((t * NUM_HEADS + head) * HEAD_BLOCKS + block) * 2u; // y[t, head, 8 block ..]
    y[at] = low;
    y[at + 1u] = high;
  }
}
`;

function head(headDim: number): string {
  return `
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override BLOCK_SIZE: u32;
override CHUNKS: u32; // workgroups that share the query heads of a KV head
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;

const HEAD_BLOCKS = ${headDim / 8}u; // of eight columns
const NONE = -1.0e30;

var<workgroup> lane_values: array<vec4f, 2>; // one component a lane
var<workgroup> outputs: array<vec4f, ${8 * headDim / 4}>; // four columns of a lane

// exp(difference), difference ≤ 0. What is below the smallest normal number is zero: processors take a hundred times as long
// for the products of such numbers.
fn weight_of(difference: f32) -> f32 {
  return select(0.0, exp(difference), difference > -80.0);
}

fn cap(score: f32) -> f32 {
  if (SOFT_CAP > 0.0) {
    return SOFT_CAP * tanh(score / SOFT_CAP);
  }
  return score;
}

// Four columns, summed over the lanes.
fn output_of_lanes(four: u32) -> vec4f {
  let at = min(four, ${headDim / 4 - 1}u) * 8u;
  return outputs[at] + outputs[at + 1u] + outputs[at + 2u] + outputs[at + 3u] + outputs[at + 4u] +
    outputs[at + 5u] + outputs[at + 6u] + outputs[at + 7u];
}
`;
}

/** Groups of eight positions in a turn. */
const GROUPS = 2;

function body(name: string, headDim: number, numQueries: number, elem: Elem): string {
  const fours = headDim / 4;
  const foursPerTexel = elem === "f16" ? 2 : 1;
  const texels = fours / foursPerTexel;
  const queries = (line: (h: number) => string) => unroll(numQueries, line);
  const groups = (line: (u: number) => string) => unroll(GROUPS, line);
  return `
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.y;
  let kv_head = group.x / CHUNKS;
  let num_shared = NUM_HEADS / NUM_KV_HEADS;
  let token = tokens[t];
  var first_seen = 0u;
  if (WINDOW > 0u && token.position + 1u > WINDOW) {
    first_seen = token.position + 1u - WINDOW;
  }
  let texels_per_slots = NUM_KV_HEADS * ${texels * 8}u; // of eight slots, all heads
  ${
    queries((h) => `
  // The last chunk may repeat its last head.
  let head_${h} = kv_head * num_shared +
    min((group.x % CHUNKS) * ${numQueries}u + ${h}u, num_shared - 1u);
  ${
      unroll(
        fours,
        (c) =>
          `let q_${h}_${c} = textureLoad(q, vec2u(head_${h} * ${fours}u + ${c}u, t)) * SCALE;
  var out_${h}_${c} = vec4f(0.0);`,
      )
    }
  var maximum_${h} = NONE;
  var denominator_${h} = 0.0;`)
  }
  for (var first = first_seen - first_seen % 16u; first <= token.position; first += 16u) {
    let block = block_tables[token.sequence * step.max_blocks + first / BLOCK_SIZE];
    let slot = block * BLOCK_SIZE + first % BLOCK_SIZE;
    let texel_0 = kv_texel_number(slot, NUM_KV_HEADS, kv_head, ${texels}u) + lane;
    let texel_1 = texel_0 + texels_per_slots;
    ${
    groups((u) => `
    let position_${u} = first + ${8 * u}u + lane;
    let is_seen_${u} = position_${u} >= first_seen && position_${u} <= token.position;
    ${queries((h) => `var score_${u}_${h} = 0.0;`)}
    ${
      unroll(texels, (i) =>
        `{
      let k = textureLoad(k_cache, kv_texel_at(texel_${u} + ${8 * i}u));
      let low = texel_low(k);
      ${foursPerTexel === 2 ? "let high = texel_high(k);" : ""}
      ${
          queries((h) =>
            `score_${u}_${h} += dot(q_${h}_${foursPerTexel * i}, low)` +
            (foursPerTexel === 2 ? ` + dot(q_${h}_${2 * i + 1}, high);` : ";")
          )
        }
    }`)
    }`)
  }
    ${
    queries((h) => `
    ${groups((u) => `score_${u}_${h} = select(NONE, cap(score_${u}_${h}), is_seen_${u});`)}
    let highest_${h} = max(maximum_${h}, max(score_0_${h}, score_1_${h}));
    let correction_${h} = weight_of(maximum_${h} - highest_${h});
    ${
      groups((u) =>
        `let weight_${u}_${h} = select(0.0, weight_of(score_${u}_${h} - highest_${h}), is_seen_${u});`
      )
    }
    denominator_${h} = denominator_${h} * correction_${h} + (weight_0_${h} + weight_1_${h});
    maximum_${h} = highest_${h};`)
  }
    ${
    unroll(texels, (i) =>
      `{
      ${groups((u) => `let v_${u} = textureLoad(v_cache, kv_texel_at(texel_${u} + ${8 * i}u));`)}
      ${
        unroll(foursPerTexel, (half) =>
          `{
        ${groups((u) => `let values_${u} = ${half === 0 ? "texel_low" : "texel_high"}(v_${u});`)}
        ${
            queries((h) => {
              const out = `out_${h}_${foursPerTexel * i + half}`;
              return `${out} = ${out} * correction_${h} + (weight_0_${h} * values_0 + weight_1_${h} * values_1);`;
            })
          }
      }`)
      }
    }`)
  }
  }
  ${queries((h) => mergeLanes(h, headDim))}
}
`;
}

/** Joins what the lanes hold of query h, and hands it on in blocks of eight columns. */
function mergeLanes(h: number, headDim: number): string {
  return `
  {
    lane_values[lane / 4u][lane % 4u] = maximum_${h};
    workgroupBarrier();
    let maxima = max(lane_values[0], lane_values[1]);
    workgroupBarrier();
    let share = weight_of(maximum_${h} - max(max(maxima.x, maxima.y), max(maxima.z, maxima.w)));
    lane_values[lane / 4u][lane % 4u] = denominator_${h} * share;
    ${unroll(headDim / 4, (c) => `outputs[${8 * c}u + lane] = out_${h}_${c} * share;`)}
    workgroupBarrier();
    let denominators = lane_values[0] + lane_values[1];
    let scale = 1.0 / dot(denominators, vec4f(1.0));
    ${
    unroll(Math.ceil(headDim / 64), (i) => {
      const block = `(${8 * i}u + lane)`;
      return `finish(t, head_${h}, ${block}, lane, output_of_lanes(2u * ${block}) * scale, output_of_lanes(2u * ${block} + 1u) * scale);`;
    })
  }
    workgroupBarrier();
  }`;
}
