/**
 * linear: a fully connected layer of the gpu set, with the norm in front of it and what follows it in the same dispatch.
 *
 *     v[t, n] = factor[t] · Σ_k x[t, k] · w[n, k], and then the end; lib/lanes.wgsl has the order of the sum
 *
 * Bindings (group 0)
 *   step      uniform     Step
 *   params    uniform     Params of kernels/gpu/linear_params.wgsl
 *   x         read        [T, K] f32, in fours; with an inline norm the residual stream, else what norm_stage left, or plain
 *   gamma     read        [K] f32, in fours                      inline norm only
 *   rows      read        [L] u32, rows of x that want logits     inline norm and end `store` only, unread unless ON_LOGITS
 *   factors   read        [T] f32                                 norm by norm_stage only
 *   w, or quants and scales   as lib/lane_weights_*.wgsl says
 *   then, by end, as lib/lane_end_*.wgsl says; written ones are not the same buffer as x
 *     bias      read        [N] f32               ends `store` and `rope_*` only, unread unless HAS_BIAS
 *     y         read_write  [T, n] f32            all but `rope_*`
 *     tokens    read        [T] Token             `rope_*`, and the ones below
 *     cos_sin   read        [P, 2, R/2] f32, in twos
 *     q         read_write  [T, H C] f32, in twos
 *     k_cache, v_cache  read_write  [slots, KH, C] of the cache's elements, in twos
 * Forms
 *   gemv  `columns` tokens:  dispatch (W), or (65535, ceil(W / 65535)), W = ceil(blocks of ROWS rows / ROW_THREADS).
 *         A workgroup is ROW_THREADS groups of K_THREADS lanes; lanes walk K with the tokens' columns in registers and re-use
 *         them over the block's rows, and weights are read once whatever the number of tokens.
 *         Memory     4 · K_THREADS · ROW_THREADS · sums of a lane bytes of workgroup memory; none with subgroups
 *   gemm  any number:  dispatch (ceil(rows / (4 · ROW_LANES)), ceil(T / (8 · columns))), `columns` 4 or 8.
 *         ROW_LANES · 8 invocations; groups are unpacked once into workgroup memory, an invocation sums 4 rows by `columns` tokens.
 *         Memory     512 · ROW_LANES · blocks + 1,024 · columns bytes of workgroup memory; with half tiles 256 instead of 512
 * An end may join a row of each of two blocks (`gated`, `rope_*`): row_of() says which.
 *
 * @module
 */
import elemF16 from "../lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "../lib/elem_f32.wgsl" with { type: "text" };
import laneNorm from "../lib/lane_norm.wgsl" with { type: "text" };
import weightsF16 from "../lib/lane_weights_f16.wgsl" with { type: "text" };
import weightsF32 from "../lib/lane_weights_f32.wgsl" with { type: "text" };
import weightsQ4 from "../lib/lane_weights_q4.wgsl" with { type: "text" };
import lanes from "../lib/lanes.wgsl" with { type: "text" };
import linearParams from "./linear_params.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import type { Elem, Kernel } from "../kernel.ts";
import { assembleKernel, type Bindings, memoize } from "../assemble.ts";
import { LINEAR_ENDS, type LinearEnd } from "./linear_end.ts";
import { gemmEntry } from "./linear_gemm.ts";
import { gemvEntry } from "./linear_gemv.ts";

/** Which layer, and which form of it. */
export interface GpuLinearOptions {
  readonly format: "dense" | "q4";
  /** Of dense weights, or of scales. */
  readonly elem: Elem;
  /** `inline` reads the residual stream and norms it, `staged` reads what norm_stage left. */
  readonly norm: "none" | "inline" | "staged";
  readonly end: LinearEnd;
  readonly form: GemvForm | GemmForm;
}

/** Lanes share a dot product. */
export interface GemvForm {
  readonly kind: "gemv";
  /** Tokens: 1, 2, 4, 8 or 16. */
  readonly columns: number;
  /** Rows of a block: 1, 2 or 4. */
  readonly rows: number;
  /** Adds up lanes by shuffles; a subgroup must hold whole rows of K_THREADS lanes. */
  readonly hasSubgroups: boolean;
}

/** Tiles in workgroup memory. */
export interface GemmForm {
  readonly kind: "gemm";
  /** Tokens of an invocation: 4 or 8. */
  readonly columns: number;
  /** ROW_LANES, quads of rows a workgroup: 8 or 16. */
  readonly rowLanes: number;
  /** Keeps weights in workgroup memory as f16; only for q4, whose codes fit exactly: scales come later. */
  readonly hasHalfTiles: boolean;
}

const DENSE: Record<Elem, string> = { f32: weightsF32, f16: weightsF16 };
const Q4_SCALES: Record<Elem, string> = { f32: elemF32, f16: elemF16 };

/** Bindings of a matrix. */
export function weightBindings(format: "dense" | "q4", elem: Elem): Bindings {
  return format === "q4"
    ? { quants: ["read", "array<vec4u>"], scales: ["read", "array<Elem4>"] }
    : { w: ["read", elem === "f16" ? "array<vec4u>" : "array<vec4f>"] };
}

/** WGSL that reads a matrix; goes behind lib/lanes.wgsl. */
export function weightParts(format: "dense" | "q4", elem: Elem): string[] {
  return format === "q4" ? [Q4_SCALES[elem], weightsQ4] : [DENSE[elem]];
}

/** Logits are of rows of the residual stream; other layers take all of it. */
function readsRows(norm: GpuLinearOptions["norm"], end: LinearEnd): boolean {
  return norm === "inline" && end === "store";
}

function bindingsOf({ format, elem, norm, end }: GpuLinearOptions): Bindings {
  return {
    step: ["uniform", "Step"],
    params: ["uniform", "Params"],
    x: ["read", "array<vec4f>"],
    ...(norm === "inline" ? { gamma: ["read", "array<vec4f>"] } : {}),
    ...(readsRows(norm, end) ? { rows: ["read", "array<u32>"] } : {}),
    ...(norm === "staged" ? { factors: ["read", "array<f32>"] } : {}),
    ...weightBindings(format, elem),
    ...LINEAR_ENDS[end].bindings,
  };
}

function nameOf({ format, elem, norm, end, form }: GpuLinearOptions): string {
  const parts = ["linear", format, elem, ...(norm === "none" ? [] : [norm]), end, form.kind];
  if (form.kind === "gemm") {
    const tile = `${form.rowLanes}x${form.columns}`;
    return [...parts, tile, ...(form.hasHalfTiles ? ["half"] : [])].join("_");
  }
  return [...parts, `${form.columns}x${form.rows}`, ...(form.hasSubgroups ? ["subgroup"] : [])]
    .join("_");
}

/** The layer's kernel. */
export const gpuLinearKernel: (options: GpuLinearOptions) => Kernel = memoize((options) => {
  const { format, elem, norm, end, form } = options;
  const name = nameOf(options);
  const { numBlocks, numEnds, parts } = LINEAR_ENDS[end];
  return assembleKernel(name, {
    bindings: bindingsOf(options),
    parts: [
      step,
      linearParams,
      lanes,
      ...weightParts(format, elem),
      ...(norm === "inline" ? [laneNorm] : []),
      ...parts,
      sharedCode(norm, readsRows(norm, end)),
      form.kind === "gemv"
        ? gemvEntry(name, { ...form, numBlocks, numEnds, format, isNormed: norm === "inline" })
        : gemmEntry(name, { ...form, numBlocks, numEnds }),
    ],
  });
});

/** How x is read. */
function sharedCode(norm: GpuLinearOptions["norm"], hasRows: boolean): string {
  return `
override ON_LOGITS: bool = false; // the batch is the step's L logits rows instead of its T tokens
override HAS_TAIL: bool = false; // K is no multiple of 32
override EPS: f32 = 0.0; // of an inline norm

fn last_token() -> u32 {
  return select(step.num_tokens, step.num_logits, ON_LOGITS) - 1u;
}

// First four of token t's row of x; beyond the last token, that of the last.
fn x_row(t: u32) -> u32 {
  let own = min(t, last_token());
  ${hasRows ? "if (ON_LOGITS) { return rows[own] * (K / 4u); }" : ""}
  return own * (K / 4u);
}

// x[t, 4 k4 ..], zeros past K: the weights there may be anything finite.
fn x_at(x_row: u32, k4: u32) -> vec4f {
  if (HAS_TAIL) {
    return select(vec4f(0.0), x[x_row + min(k4, K / 4u - 1u)], k4 < K / 4u);
  }
  return x[x_row + k4];
}
${NORM_CODE[norm]}`;
}

const NORM_CODE = {
  none: `
fn factor_of(t: u32) -> f32 {
  return 1.0;
}
`,
  staged: `
fn factor_of(t: u32) -> f32 {
  return factors[t];
}
`,
  inline: `
// gamma[4 k4 ..]; past K anything, since x is zero there.
fn gamma_at(k4: u32) -> vec4f {
  return gamma[min(k4, K / 4u - 1u)];
}
`,
};
