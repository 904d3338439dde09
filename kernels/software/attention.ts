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
 * Method     a lane takes every eighth position. Its weights are relative to the first score that it sees, so that sums need no
 *            correction when a higher one comes; a query whose scores rise by more than HEADROOM has a second pass, relative to its
 *            highest. Lanes are merged at the end. The order of sums depends on the token's position alone, never on the batch.
 *            What the next turn reads is loaded one turn ahead, since the cache is far away when a layer's turn comes.
 * Overrides  C a multiple of 8; BLOCK_SIZE a multiple of 16                Needs  subgroups; see lib/eight_lanes.wgsl
 * Precision  f32                                                  Source  arXiv:2205.14135, arXiv:2309.06180
 *
 * @module
 */
import kvTexelF16 from "../lib/kv_texel_f16.wgsl" with { type: "text" };
import kvTexelF32 from "../lib/kv_texel_f32.wgsl" with { type: "text" };
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import eightLanes from "../lib/eight_lanes.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import type { Elem } from "../kernel.ts";
import { type AssembledKernel, assembleKernel, memoize, unroll } from "../assemble.ts";
import { FINISH_STAGED, FINISH_STORE, mergeLanes } from "./attention_merge.ts";
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
export const attentionKernel: (options: AttentionKernelOptions) => AssembledKernel = memoize(
  (options) => {
    const { headDim, numQueries, elem, staged } = options;
    const end = staged ? stagedParts(staged) : null;
    const name = `attention_tiled_${numQueries}x${headDim}_${elem}${staged ? `_${staged}` : ""}`;
    return assembleKernel(name, {
      bindings: {
        q: ["texture_float"],
        tokens: ["read", "array<Token>"],
        block_tables: ["read", "array<u32>"],
        k_cache: ["texture_uint_array"],
        v_cache: ["texture_uint_array"],
        step: ["uniform", "Step"],
        ...(end ? end.bindings : { y: ["read_write", "array<vec4f>"] }),
      },
      parts: [
        step,
        elem === "f16" ? kvTexelF16 : kvTexelF32,
        kvTiles,
        head(headDim, numQueries, elem),
        ...(end ? [...end.parts, FINISH_STAGED] : [eightLanes, FINISH_STORE]),
        mergeLanes(headDim),
      ],
      entries: { [name]: body(name, options) },
    });
  },
);

function head(headDim: number, numQueries: number, elem: Elem): string {
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

// Number of the texel that the first eight columns of the eight positions from \`position\` on begin with, lane 0.
fn texel_number_of(sequence: u32, position: u32, kv_head: u32) -> u32 {
  let block = block_tables[sequence * step.max_blocks + position / BLOCK_SIZE];
  let slot = block * BLOCK_SIZE + position % BLOCK_SIZE;
  return kv_texel_number(slot, NUM_KV_HEADS, kv_head, TEXELS);
}
`;
}

function body(
  name: string,
  { headDim, numQueries, elem }: AttentionKernelOptions,
): string {
  const fours = headDim / 4;
  const foursPerTexel = elem === "f16" ? 2 : 1;
  const texels = fours / foursPerTexel;
  const queries = (line: (h: number) => string) => unroll(numQueries, line);
  const columns = (line: (c: number) => string) => unroll(fours, line);
  // Texel i of a position; those of a head lie in one row of the cache if they divide it.
  const at = (i: number) =>
    8192 % (8 * texels) === 0 ? `at + vec3u(${8 * i}u, 0u, 0u)` : `kv_texel_at(number + ${8 * i}u)`;
  return `
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.y;
  let kv_head = group.x / CHUNKS;
  let token = tokens[t];
  var first_seen = 0u;
  if (WINDOW > 0u && token.position + 1u > WINDOW) {
    first_seen = token.position + 1u - WINDOW;
  }
  let begin = first_seen - first_seen % 8u;
  var next = texel_number_of(token.sequence, begin, kv_head);
  var fetched = fetch_ahead(next, lane);
  ${
    queries((h) => `
  let head_${h} = head_of(group.x, ${h}u);
  ${
      columns((c) =>
        `let q_${h}_${c} = textureLoad(q, vec2u(head_${h} * ${fours}u + ${c}u, t)) * (SCALE * WIDENING);
  var out_${h}_${c}: vec4f;`
      )
    }
  var reference_${h} = NONE;
  var maximum_${h}: f32;
  var denominator_${h}: f32;`)
  }
  for (var is_again = true; is_again;) {
    ${
    queries((h) => `
    maximum_${h} = NONE;
    denominator_${h} = 0.0;
    ${columns((c) => `out_${h}_${c} = vec4f(0.0);`)}`)
  }
    next = texel_number_of(token.sequence, begin, kv_head);
    for (var first = begin; first <= token.position; first += 8u) {
      let number = next + lane;
      let at = kv_texel_at(number);
      next = texel_number_of(token.sequence, min(first + 8u, token.position), kv_head);
      fetched |= fetch_ahead(next, lane);
      let position = first + lane;
      let is_seen = position >= first_seen && position <= token.position;
      ${queries((h) => `var score_${h} = 0.0;`)}
      ${
    unroll(texels, (i) =>
      `{
        let texel = ${at(i)};
        let k = textureLoad(k_cache, texel.xy, texel.z);
        let low = texel_low(k);
        ${foursPerTexel === 2 ? "let high = texel_high(k);" : ""}
        ${
        queries((h) =>
          `score_${h} += dot(q_${h}_${foursPerTexel * i}, low)` +
          (foursPerTexel === 2 ? ` + dot(q_${h}_${2 * i + 1}, high);` : ";")
        )
      }
      }`)
  }
      ${
    queries((h) => `
      score_${h} = select(NONE, cap(score_${h}), is_seen);
      maximum_${h} = max(maximum_${h}, score_${h});
      reference_${h} = select(reference_${h}, score_${h}, reference_${h} == NONE);
      let weight_${h} = select(0.0, weight_of(score_${h} - reference_${h}), is_seen);
      denominator_${h} += weight_${h};`)
  }
      ${
    unroll(texels, (i) =>
      `{
        let texel = ${at(i)};
        let v = textureLoad(v_cache, texel.xy, texel.z);
        ${
        unroll(foursPerTexel, (half) =>
          `{
          let values = ${half === 0 ? "texel_low" : "texel_high"}(v) * WIDENING;
          ${queries((h) => `out_${h}_${foursPerTexel * i + half} += weight_${h} * values;`)}
        }`)
      }
      }`)
  }
    }
    is_again = false;
    ${
    queries((h) =>
      `if (maximum_${h} > reference_${h} + HEADROOM) {
      reference_${h} = maximum_${h};
      is_again = true;
    }`
    )
  }
  }
  if (step.num_tokens == 0u) { // never; without a use of them there would be no loads
    maximum_0 = f32(fetched);
  }
  ${
    queries((h) =>
      `{
    let highest = highest_of_lanes(maximum_${h}, lane);
    let share = weight_of(reference_${h} - highest);
    merge_lanes(t, head_${h}, lane, share, denominator_${h}, ${
        Array.from({ length: fours }, (_, c) => `out_${h}_${c}`).join(", ")
      });
  }`
    )
  }
}
`;
}
