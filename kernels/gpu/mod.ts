/**
 * Kernels of the `gpu` set: storage buffers, any WebGPU adapter.
 *
 * @module
 */
import elemF16 from "../lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "../lib/elem_f32.wgsl" with { type: "text" };
import linear from "../lib/linear.wgsl" with { type: "text" };
import linearReduce from "../lib/linear_reduce.wgsl" with { type: "text" };
import q4 from "../lib/q4.wgsl" with { type: "text" };
import scaleF16 from "../lib/scale_f16.wgsl" with { type: "text" };
import scaleF32 from "../lib/scale_f32.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import { defineKernel, type Kernel } from "../kernel.ts";
import attentionPaged from "./attention_paged.wgsl" with { type: "text" };
import embedDense from "./embed_dense.wgsl" with { type: "text" };
import embedQ4 from "./embed_q4.wgsl" with { type: "text" };
import gatedActivation from "./gated_activation.wgsl" with { type: "text" };
import linearDense from "./linear_dense.wgsl" with { type: "text" };
import linearQ4 from "./linear_q4.wgsl" with { type: "text" };
import rmsNorm from "./rms_norm.wgsl" with { type: "text" };
import rmsNormHeads from "./rms_norm_heads.wgsl" with { type: "text" };
import ropeKvAppend from "./rope_kv_append.wgsl" with { type: "text" };

const ELEM = { f32: elemF32, f16: elemF16 };
const SCALE = { f32: scaleF32, f16: scaleF16 };

/** By family. */
export const GPU_KERNELS = {
  embedDense: defineKernel("embed_dense", {
    bindings: ["read", "read_write", "read"],
    body: embedDense,
    libs: [step],
    byElem: ELEM,
  }),
  embedQ4: defineKernel("embed_q4", {
    bindings: ["read", "read_write", "read", "read"],
    body: embedQ4,
    libs: [step, q4],
    byElem: SCALE,
  }),
  rmsNorm: defineKernel("rms_norm", {
    entries: ["rms_norm", "rms_norm_gather"],
    bindings: ["read", "read", "read_write", "read"],
    body: rmsNorm,
  }),
  rmsNormHeads: defineKernel("rms_norm_heads", {
    bindings: ["read_write", "read", "read"],
    body: rmsNormHeads,
  }),
  linearDense: defineKernel("linear_dense", {
    entries: ["linear_dense_gemv", "linear_dense_gemm"],
    bindings: ["read", "read_write", "uniform", "read", "read"],
    body: linearDense,
    libs: [step, linear, linearReduce],
    byElem: ELEM,
  }),
  linearQ4: defineKernel("linear_q4", {
    entries: ["linear_q4_gemv", "linear_q4_gemm"],
    bindings: ["read", "read_write", "uniform", "read", "read", "read"],
    body: linearQ4,
    libs: [step, q4, linear, linearReduce],
    byElem: SCALE,
  }),
  ropeKvAppend: defineKernel("rope_kv_append", {
    bindings: ["read", "read", "read", "read_write", "read_write", "read_write"],
    body: ropeKvAppend,
    libs: [step],
    byElem: ELEM,
  }),
  attentionPaged: defineKernel("attention_paged", {
    bindings: ["read", "read", "read", "read", "read", "read_write", "uniform"],
    body: attentionPaged,
    libs: [step],
    byElem: ELEM,
  }),
  gatedActivation: defineKernel("gated_activation", {
    entries: ["swiglu", "geglu"],
    bindings: ["read", "read_write"],
    body: gatedActivation,
  }),
} as const satisfies Record<string, Kernel>;
