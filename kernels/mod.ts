/**
 * The WGSL of every kernel and how it is bound. Imports nothing but WGSL; knows no device and no model.
 *
 * A kernel's module is `lib files + body` by plain concatenation, with one lib per element type that it is asked for.
 *
 * @module
 */
import elemF16 from "./lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "./lib/elem_f32.wgsl" with { type: "text" };
import gatedActivation from "./gpu/gated_activation.wgsl" with { type: "text" };
import linear from "./lib/linear.wgsl" with { type: "text" };
import q4 from "./lib/q4.wgsl" with { type: "text" };
import scaleF16 from "./lib/scale_f16.wgsl" with { type: "text" };
import scaleF32 from "./lib/scale_f32.wgsl" with { type: "text" };
import step from "./lib/step.wgsl" with { type: "text" };
import attentionPaged from "./gpu/attention_paged.wgsl" with { type: "text" };
import embedDense from "./gpu/embed_dense.wgsl" with { type: "text" };
import embedQ4 from "./gpu/embed_q4.wgsl" with { type: "text" };
import linearDense from "./gpu/linear_dense.wgsl" with { type: "text" };
import linearQ4 from "./gpu/linear_q4.wgsl" with { type: "text" };
import rmsNorm from "./gpu/rms_norm.wgsl" with { type: "text" };
import rmsNormHeads from "./gpu/rms_norm_heads.wgsl" with { type: "text" };
import ropeKvAppend from "./gpu/rope_kv_append.wgsl" with { type: "text" };

/** How a kernel uses one binding of group 0. */
export type BindingKind = "read" | "read_write" | "uniform";

/** Element type that a kernel is compiled for: of its weights, its scales or its KV cache. */
export type Elem = "f32" | "f16";

/** One kernel family. */
export interface Kernel {
  /** File name of the body, without its ending. */
  readonly name: string;
  /** Entry points in the body. */
  readonly entries: readonly string[];
  /** Kinds of bindings 0, 1, …, in order. */
  readonly bindings: readonly BindingKind[];
  /** Element types that it can be compiled for; empty when it has no such choice. */
  readonly elems: readonly Elem[];
  /** The whole WGSL module. */
  source(elem?: Elem): string;
}

const ELEM = { f32: elemF32, f16: elemF16 };
const SCALE = { f32: scaleF32, f16: scaleF16 };

function defineKernel(
  name: string,
  entries: readonly string[],
  bindings: readonly BindingKind[],
  parts: { body: string; libs?: readonly string[]; byElem?: Record<Elem, string> },
): Kernel {
  const { body, libs = [], byElem } = parts;
  return {
    name,
    entries,
    bindings,
    elems: byElem ? ["f32", "f16"] : [],
    source: (elem) => [...(byElem ? [byElem[elem ?? "f32"]] : []), ...libs, body].join("\n"),
  };
}

/** Kernels of the `gpu` set: storage buffers, any WebGPU adapter. */
export const GPU_KERNELS = {
  embedDense: defineKernel("embed_dense", ["embed_dense"], ["read", "read_write", "read"], {
    body: embedDense,
    libs: [step],
    byElem: ELEM,
  }),
  embedQ4: defineKernel("embed_q4", ["embed_q4"], ["read", "read_write", "read", "read"], {
    body: embedQ4,
    libs: [step, q4],
    byElem: SCALE,
  }),
  rmsNorm: defineKernel("rms_norm", ["rms_norm", "rms_norm_gather"], [
    "read",
    "read",
    "read_write",
    "read",
  ], { body: rmsNorm }),
  rmsNormHeads: defineKernel("rms_norm_heads", ["rms_norm_heads"], [
    "read_write",
    "read",
    "read",
  ], { body: rmsNormHeads }),
  linearDense: defineKernel("linear_dense", ["linear_dense_gemv", "linear_dense_gemm"], [
    "read",
    "read_write",
    "uniform",
    "read",
    "read",
  ], { body: linearDense, libs: [step, linear], byElem: ELEM }),
  linearQ4: defineKernel("linear_q4", ["linear_q4_gemv", "linear_q4_gemm"], [
    "read",
    "read_write",
    "uniform",
    "read",
    "read",
    "read",
  ], { body: linearQ4, libs: [step, q4, linear], byElem: SCALE }),
  ropeKvAppend: defineKernel("rope_kv_append", ["rope_kv_append"], [
    "read",
    "read",
    "read",
    "read_write",
    "read_write",
    "read_write",
  ], { body: ropeKvAppend, libs: [step], byElem: ELEM }),
  attentionPaged: defineKernel("attention_paged", ["attention_paged"], [
    "read",
    "read",
    "read",
    "read",
    "read",
    "read_write",
    "uniform",
  ], { body: attentionPaged, libs: [step], byElem: ELEM }),
  gatedActivation: defineKernel("gated_activation", ["swiglu", "geglu"], ["read", "read_write"], {
    body: gatedActivation,
  }),
} as const satisfies Record<string, Kernel>;
