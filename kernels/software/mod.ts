/**
 * Kernels of the `software` set, for adapters that run on the CPU: weights and the activations that meet them in storage
 * textures, whose loads cost a tenth of a storage buffer's there. What is not here the gpu set does.
 *
 * @module
 */
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import linear from "../lib/linear.wgsl" with { type: "text" };
import linearTiled from "../lib/linear_tiled.wgsl" with { type: "text" };
import q4 from "../lib/q4.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import tiles from "../lib/tiles.wgsl" with { type: "text" };
import { defineKernel, type Kernel } from "../kernel.ts";
import attentionPagedTiled from "./attention_paged_tiled.wgsl" with { type: "text" };
import embedDenseTiled from "./embed_dense_tiled.wgsl" with { type: "text" };
import embedQ4Tiled from "./embed_q4_tiled.wgsl" with { type: "text" };
import linearDenseTiled from "./linear_dense_tiled.wgsl" with { type: "text" };
import linearQ4Tiled from "./linear_q4_tiled.wgsl" with { type: "text" };
import ropeKvAppendTiled from "./rope_kv_append_tiled.wgsl" with { type: "text" };
import stageActivations from "./stage_activations.wgsl" with { type: "text" };

const TEXEL = { f32: texelF32, f16: texelF16 };

/** By family. */
export const SOFTWARE_KERNELS = {
  stageActivations: defineKernel("stage_activations", {
    bindings: ["read", "texture_float_write"],
    body: stageActivations,
  }),
  embedDense: defineKernel("embed_dense_tiled", {
    bindings: ["read", "read_write", "texture_uint"],
    body: embedDenseTiled,
    libs: [step, tiles],
    byElem: TEXEL,
  }),
  embedQ4: defineKernel("embed_q4_tiled", {
    bindings: ["read", "read_write", "texture_uint", "texture_float"],
    body: embedQ4Tiled,
    libs: [step, tiles, q4],
  }),
  linearDense: defineKernel("linear_dense_tiled", {
    entries: ["linear_dense_tiled_gemv", "linear_dense_tiled_gemm"],
    bindings: ["read", "read_write", "uniform", "texture_float", "texture_uint"],
    body: linearDenseTiled,
    libs: [step, linear, tiles, linearTiled],
    byElem: TEXEL,
  }),
  linearQ4: defineKernel("linear_q4_tiled", {
    entries: ["linear_q4_tiled_gemv", "linear_q4_tiled_gemm"],
    bindings: ["read", "read_write", "uniform", "texture_float", "texture_uint", "texture_float"],
    body: linearQ4Tiled,
    libs: [step, linear, tiles, linearTiled, q4],
  }),
  ropeKvAppend: defineKernel("rope_kv_append_tiled", {
    bindings: [
      "read",
      "read",
      "read",
      "texture_float_write",
      "texture_uint_write",
      "texture_uint_write",
    ],
    body: ropeKvAppendTiled,
    libs: [step, kvTiles],
    byElem: TEXEL,
  }),
  attentionPaged: defineKernel("attention_paged_tiled", {
    bindings: [
      "texture_float",
      "read",
      "read",
      "texture_uint",
      "texture_uint",
      "read_write",
      "uniform",
    ],
    body: attentionPagedTiled,
    libs: [step, kvTiles],
    byElem: TEXEL,
  }),
} as const satisfies Record<string, Kernel>;
