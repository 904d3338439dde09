/**
 * Kernels of the `software` set, for adapters that run on the CPU: weights, activations and the KV cache in storage textures,
 * whose loads cost a tenth of a storage buffer's there. Loops that matter are unrolled when the WGSL is put together: the driver
 * does not unroll, and keeps arrays in memory.
 *
 * @module
 */
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import { defineKernel } from "../kernel.ts";
import { attentionKernel } from "./attention.ts";
import { linearKernel } from "./linear.ts";
import rmsNormHeads from "./rms_norm_heads.wgsl" with { type: "text" };
import ropeKvAppendTiled from "./rope_kv_append_tiled.wgsl" with { type: "text" };
import { embedKernel, normAddKernel, stageRowsKernel } from "./rows.ts";

export type { AttentionKernelOptions, SubgroupLanes } from "./attention.ts";
export { type Extent, fusedKernel, phaseOverride, type PhaseResource } from "./fused.ts";
export {
  canNormHeads,
  isPairedEnd,
  type LinearKernelOptions,
  linearSuffix,
  type Precision,
  type WeightFormat,
} from "./linear.ts";
export { canTakeRows, MAX_ROW_GROUPS, MAX_ROW_TILES } from "./linear_rows.ts";
export { GEMM_TOKENS } from "./linear_tiles.ts";

/** By family; most exist for a format, a precision or a size. */
export const SOFTWARE_KERNELS = {
  attention: attentionKernel,
  embed: embedKernel,
  linear: linearKernel,
  normAdd: normAddKernel,
  rmsNormHeads: defineKernel("rms_norm_heads", {
    bindings: ["read_write", "read", "read"],
    body: rmsNormHeads,
  }),
  ropeKvAppend: defineKernel("rope_kv_append_tiled", {
    bindings: [
      "read",
      "read",
      "read",
      "texture_float_write",
      "texture_uint_write_array",
      "texture_uint_write_array",
    ],
    body: ropeKvAppendTiled,
    libs: [step, kvTiles],
    byElem: { f32: texelF32, f16: texelF16 },
  }),
  stageRows: stageRowsKernel,
};
