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
 * Method     eight positions a turn: a lane takes one of them for the scores, and then one block of eight columns for the sums of values,
 *            with the weights that the others tell it; so a query has a few sums a lane, and nothing to merge. Weights are relative to
 *            a score of the first turn, so that sums need no correction when a higher one comes; a query whose scores rise by more
 *            than HEADROOM has a second pass, relative to its highest. The order of sums depends on the token's position alone, never
 *            on the batch. What the next turn reads is loaded one turn ahead, since the cache is far away when a layer's turn comes.
 * Overrides  C a multiple of 8; BLOCK_SIZE a multiple of 16                Needs  subgroups; see lib/eight_lanes.wgsl
 * Precision  f32                                                  Source  arXiv:2205.14135, arXiv:2309.06180
 *
 * @module
 */
import eightLanes from "../lib/eight_lanes.wgsl" with { type: "text" };
import kvTexelF16 from "../lib/kv_texel_f16.wgsl" with { type: "text" };
import kvTexelF32 from "../lib/kv_texel_f32.wgsl" with { type: "text" };
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import type { Elem } from "../kernel.ts";
import { type AssembledKernel, assembleKernel, memoize, unroll } from "../assemble.ts";
import { attentionFunctions, FINISH_STAGED, FINISH_STORE } from "./attention_parts.ts";
import { type Precision, stagedParts } from "./linear.ts";

/** Lanes that lie side by side in one subgroup: all of a workgroup, or half of them. */
export type SubgroupLanes = 4 | 8;

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
  readonly lanes: SubgroupLanes;
}

/** The kernel of these sizes. */
export const attentionKernel: (options: AttentionKernelOptions) => AssembledKernel = memoize(
  (options) => {
    const { headDim, numQueries, elem, staged, lanes } = options;
    const end = staged ? stagedParts(staged) : null;
    const name = `attention_tiled_${numQueries}x${headDim}_${elem}${staged ? `_${staged}` : ""}${
      lanes < 8 ? "_narrow" : ""
    }`;
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
        ...(end ? [...end.parts, FINISH_STAGED] : [eightLanes, FINISH_STORE]),
        attentionFunctions({ headDim, numQueries, elem }),
      ],
      entries: { [name]: body(name, options) },
    });
  },
);

function body(
  name: string,
  { headDim, numQueries, elem, lanes }: AttentionKernelOptions,
): string {
  const fours = headDim / 4;
  const foursPerTexel = elem === "f16" ? 2 : 1;
  const texels = fours / foursPerTexel;
  const queries = (line: (h: number) => string) => unroll(numQueries, line);
  // Positions of a turn that the lanes of a subgroup take at once; each subgroup takes all of them.
  const rounds = (line: (k: number) => string) => unroll(8 / lanes, line);
  // Blocks of eight columns, eight of them side by side.
  const blocks = (line: (b: number) => string) => unroll(Math.ceil(headDim / 64), line);
  // Texel i of a position; those of a head lie in one row of the cache if they divide it.
  const isInRow = 8192 % (8 * texels) === 0;
  const keysAt = (k: number, i: number) =>
    isInRow
      ? `keys_at + vec3u(${8 * i + lanes * k}u, 0u, 0u)`
      : `kv_texel_at(number + own + ${8 * i + lanes * k}u)`;
  const valuesAt = (b: number, p: number, half: number) =>
    isInRow
      ? `values_at_${b} + vec3u(${p + 8 * half}u, 0u, 0u)`
      : `kv_texel_at(number + own_texel_${b} + ${p + 8 * half}u)`;
  return `
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.y;
  let own = lane % ${lanes}u;
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
    blocks((b) =>
      `let own_texel_${b} = min(lane + ${8 * b}u, HEAD_BLOCKS - 1u) * ${16 / foursPerTexel}u;`
    )
  }
  ${
    queries((h) => `
  let head_${h} = head_of(group.x, ${h}u);
  ${
      unroll(
        fours,
        (c) =>
          `let q_${h}_${c} = textureLoad(q, vec2u(head_${h} * ${fours}u + ${c}u, t)) * (SCALE * WIDENING);`,
      )
    }
  ${blocks((b) => `var low_${h}_${b}: vec4f;\n  var high_${h}_${b}: vec4f;`)}
  var reference_${h} = NONE;
  var maximum_${h}: f32;
  var denominator_${h}: f32;`)
  }
  for (var is_again = true; is_again;) {
    ${
    queries((h) => `
    maximum_${h} = NONE;
    denominator_${h} = 0.0;
    ${blocks((b) => `low_${h}_${b} = vec4f(0.0);\n    high_${h}_${b} = vec4f(0.0);`)}`)
  }
    next = texel_number_of(token.sequence, begin, kv_head);
    for (var first = begin; first <= token.position; first += 8u) {
      let number = next;
      let keys_at = kv_texel_at(number + own);
      ${isInRow ? blocks((b) => `let values_at_${b} = kv_texel_at(number + own_texel_${b});`) : ""}
      next = texel_number_of(token.sequence, min(first + 8u, token.position), kv_head);
      fetched |= fetch_ahead(next, lane);
      ${
    rounds((k) => `
      let position_${k} = first + own + ${lanes * k}u;
      let is_seen_${k} = position_${k} >= first_seen && position_${k} <= token.position;
      ${queries((h) => `var score_${h}_${k} = 0.0;`)}
      ${
      unroll(texels, (i) =>
        `{
        let texel = ${keysAt(k, i)};
        let k = textureLoad(k_cache, texel.xy, texel.z);
        let low = texel_low(k);
        ${foursPerTexel === 2 ? "let high = texel_high(k);" : ""}
        ${
          queries((h) =>
            `score_${h}_${k} += dot(q_${h}_${foursPerTexel * i}, low)` +
            (foursPerTexel === 2 ? ` + dot(q_${h}_${2 * i + 1}, high);` : ";")
          )
        }
      }`)
    }
      ${
      queries((h) => `
      score_${h}_${k} = select(NONE, cap(score_${h}_${k}), is_seen_${k});
      maximum_${h} = max(maximum_${h}, score_${h}_${k});`)
    }`)
  }
      ${
    queries((h) => `
      reference_${h} = select(reference_${h}, first_score(score_${h}_0, maximum_${h}, lane), reference_${h} == NONE);
      ${
      rounds((k) => `
      let weight_${h}_${k} = select(0.0, weight_of(score_${h}_${k} - reference_${h}), is_seen_${k});
      denominator_${h} += weight_${h}_${k};`)
    }`)
  }
      ${
    unroll(8, (p) =>
      `{
        ${
        queries((h) =>
          `let weight_${h} = subgroupBroadcast(weight_${h}_${Math.floor(p / lanes)}, ${
            p % lanes
          }u);`
        )
      }
        ${
        blocks((b) =>
          `{
          ${
            unroll(2 / foursPerTexel, (half) =>
              `let texel_${half} = ${valuesAt(b, p, half)};
          let v_${half} = textureLoad(v_cache, texel_${half}.xy, texel_${half}.z);`)
          }
          let low = texel_low(v_0) * WIDENING;
          let high = ${foursPerTexel === 2 ? "texel_high(v_0)" : "texel_low(v_1)"} * WIDENING;
          ${
            queries((h) =>
              `low_${h}_${b} += weight_${h} * low;
          high_${h}_${b} += weight_${h} * high;`
            )
          }
        }`
        )
      }
      }`)
  }
    }
    is_again = false;
    ${
    queries((h) =>
      `{
      let highest = highest_of_subgroup(maximum_${h}, lane);
      if (highest > reference_${h} + HEADROOM) {
        reference_${h} = highest;
        is_again = true;
      }
    }`
    )
  }
  }
  if (step.num_tokens == 0u) { // never; without a use of them there would be no loads
    low_0_0.x = f32(fetched);
  }
  ${
    queries((h) =>
      `{
    let scale = 1.0 / sum_of_subgroup(denominator_${h}, lane);
    ${
        blocks((b) =>
          `finish(t, head_${h}, lane + ${
            8 * b
          }u, lane, low_${h}_${b} * scale, high_${h}_${b} * scale);`
        )
      }
  }`
    )
  }
}
`;
}
