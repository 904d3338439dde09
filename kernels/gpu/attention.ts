/**
 * attention: causal attention over the paged KV cache, in three kernels of the same arithmetic
 *
 *     y[t, h] = Σ_p softmax_p(cap(q[t, h] · k[p, kv(h)] · SCALE)) · v[p, kv(h)],  p ≤ tokens[t].position
 *     cap(s) = SOFT_CAP · tanh(s / SOFT_CAP) if SOFT_CAP is above 0; with WINDOW above 0 only the last WINDOW positions
 *
 *   attention_split   one token, SPLIT positions a workgroup: what comes of them goes to `partials` and `stats`
 *   attention_reduce  joins the splits of a token
 *   attention_tile    several tokens a workgroup, one split after the other, joined at once
 * Bindings (group 0)
 *   q             read        [T, H, C]            f32, in fours
 *   tokens        read        [T]                  Token
 *   block_tables  read        [S, max_blocks]      u32, a sequence's blocks in order
 *   k_cache       read        [slots, KH, C]       elem, in fours
 *   v_cache       read        [slots, KH, C]       elem, in fours
 *   step          uniform     Step
 *   partials      read_write  [T, H, splits, C]    f32, in fours: sums of weights · v     split only
 *   stats         read_write  [T, H, splits]       (maximum, sum of weights)              split only
 *   y             read_write  [T, H, C]            f32, in fours                          tile only
 * Dispatch   split (H / heads · splits, T), as many of NUM_SPLITS as any token sees; tile (H / heads, ceil(T / tokens)): one workgroup `heads` query heads of one KV head
 * Method     tiles of 64 positions with online softmax: an invocation scores a position for every row (token and head), so that a key
 *            is loaded once; then it holds four of the C outputs of every row over a share of the tile's positions. Tiles and splits
 *            begin at multiples of their size, and sums are chains of fma(): the bits depend on the token's position alone.
 *            Positions that a row does not see have weight 0, which changes no bit.
 * Overrides  SPLIT a multiple of 64; C a multiple of 4, at most 256, is part of the kernel
 * Memory     8 · rows · C + 300 · rows + 1,024 bytes of workgroup memory
 * Precision  f32                        Source  arXiv:2205.14135, arXiv:2309.06180, flash decoding (split KV)
 *
 * @module
 */
import elemF16 from "../lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "../lib/elem_f32.wgsl" with { type: "text" };
import kvPages from "../lib/kv_pages.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import type { Elem, Kernel } from "../kernel.ts";
import { assembleKernel, memoize } from "../assemble.ts";
import attentionReduce from "./attention_reduce.wgsl" with { type: "text" };
import attentionRows from "./attention_rows.wgsl" with { type: "text" };
import { splitEntry } from "./attention_split.ts";
import { tileEntry } from "./attention_tile.ts";

/** Which cache, and which rows a workgroup takes. */
export interface GpuAttentionOptions {
  readonly elem: Elem;
  /** C. */
  readonly headDim: number;
  /** Query heads of one KV head: a divisor of H / KH. */
  readonly heads: number;
  /** Tokens of a workgroup; absent for the split kernel. */
  readonly tokens?: number;
}

const ELEMS: Record<Elem, string> = { f32: elemF32, f16: elemF16 };

/** Joins the splits of each token and head: dispatch (H, T). */
export const attentionReduceKernel: Kernel = assembleKernel("attention_reduce", {
  bindings: {
    tokens: ["read", "array<Token>"],
    partials: ["read", "array<vec4f>"],
    stats: ["read", "array<vec2f>"],
    y: ["read_write", "array<vec4f>"],
  },
  parts: [step, attentionReduce],
});

/** The split kernel, or the tile kernel for a number of tokens. */
export const gpuAttentionKernel: (options: GpuAttentionOptions) => Kernel = memoize(
  ({ elem, headDim, heads, tokens }) => {
    const name = tokens === undefined
      ? `attention_split_${elem}_${headDim}_${heads}`
      : `attention_tile_${elem}_${headDim}_${tokens}x${heads}`;
    return assembleKernel(name, {
      bindings: {
        q: ["read", "array<vec4f>"],
        tokens: ["read", "array<Token>"],
        block_tables: ["read", "array<u32>"],
        k_cache: ["read", "array<Elem4>"],
        v_cache: ["read", "array<Elem4>"],
        step: ["uniform", "Step"],
        ...(tokens === undefined
          ? { partials: ["read_write", "array<vec4f>"], stats: ["read_write", "array<vec2f>"] }
          : { y: ["read_write", "array<vec4f>"] }),
      },
      parts: [
        step,
        ELEMS[elem],
        sizes({ heads, tokens: tokens ?? 1, headDim }),
        attentionRows,
        kvPages,
        tokens === undefined ? splitEntry(name, heads) : tileEntry(name, { heads, tokens }),
      ],
    });
  },
);

/** No overrides: naga 29 panics when the sizes of two arrays turn out equal. */
function sizes({ heads, tokens, headDim }: Record<"heads" | "tokens" | "headDim", number>): string {
  return `const HEAD_DIM = ${headDim}u;\nconst HEADS = ${heads}u;\nconst TOKENS = ${tokens}u;\n`;
}
