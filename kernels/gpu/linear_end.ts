/**
 * How the layers of kernels/gpu/linear.ts end: what is bound for it, and what a call of `finish` takes.
 *
 * @module
 */
import endAdd from "../lib/lane_end_add.wgsl" with { type: "text" };
import endGated from "../lib/lane_end_gated.wgsl" with { type: "text" };
import endRope from "../lib/lane_end_rope.wgsl" with { type: "text" };
import endStore from "../lib/lane_end_store.wgsl" with { type: "text" };
import pairF16 from "../lib/pair_f16.wgsl" with { type: "text" };
import pairF32 from "../lib/pair_f32.wgsl" with { type: "text" };
import type { Elem } from "../kernel.ts";
import type { Bindings } from "../assemble.ts";

/** `rope_f16` and `rope_f32` append to a cache of that element type. */
export type LinearEnd = "store" | "add" | "gated" | `rope_${Elem}`;

/** What `finish` takes at once. */
export interface EndForm {
  /** Rows of w that are joined, one of each block. */
  readonly numBlocks: 1 | 2;
  /** Neighbouring ends. */
  readonly numEnds: 1 | 2;
}

interface End extends EndForm {
  readonly parts: readonly string[];
  readonly bindings: Bindings;
}

const Y: Bindings = { y: ["read_write", "array<f32>"] };
const BIAS: Bindings = { bias: ["read", "array<f32>"] };

const ROPE: Bindings = {
  ...BIAS,
  tokens: ["read", "array<Token>"],
  cos_sin: ["read", "array<vec2f>"],
  q: ["read_write", "array<vec2f>"],
  k_cache: ["read_write", "array<CachePair>"],
  v_cache: ["read_write", "array<CachePair>"],
};

/** By name. */
export const LINEAR_ENDS: Readonly<Record<LinearEnd, End>> = {
  store: { numBlocks: 1, numEnds: 1, parts: [endStore], bindings: { ...BIAS, ...Y } },
  add: { numBlocks: 1, numEnds: 1, parts: [endAdd], bindings: Y },
  gated: { numBlocks: 2, numEnds: 1, parts: [endGated], bindings: Y },
  rope_f16: { numBlocks: 2, numEnds: 2, parts: [pairF16, endRope], bindings: ROPE },
  rope_f32: { numBlocks: 2, numEnds: 2, parts: [pairF32, endRope], bindings: ROPE },
};

/** The call that ends a token's sums from `end` on. */
export function callFinish(
  { numBlocks, numEnds }: EndForm,
  { token, end, factor, sum }: {
    readonly token: string;
    readonly end: string;
    readonly factor: string;
    /** The sum of a block at the i-th end. */
    readonly sum: (block: number, i: number) => string;
  },
): string {
  const sums = Array.from(
    { length: numBlocks },
    (_, b) => numEnds === 1 ? sum(b, 0) : `vec2f(${sum(b, 0)}, ${sum(b, 1)})`,
  );
  return `finish(${token}, ${end}, ${sums.join(", ")}, ${factor});`;
}
