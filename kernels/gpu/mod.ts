/**
 * Kernels of the `gpu` set: storage buffers, any WebGPU adapter.
 *
 * @module
 */
import elemF16 from "../lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "../lib/elem_f32.wgsl" with { type: "text" };
import gate from "../lib/gate.wgsl" with { type: "text" };
import laneNorm from "../lib/lane_norm.wgsl" with { type: "text" };
import lanes from "../lib/lanes.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import { defineKernel, type Elem, type Kernel } from "../kernel.ts";
import { assembleKernel, memoize } from "../assemble.ts";
import { attentionReduceKernel, gpuAttentionKernel } from "./attention.ts";
import { chooseTokenKernel, chooseTokenPartialKernel } from "./choose_token.ts";
import embed from "./embed.wgsl" with { type: "text" };
import gatedActivation from "./gated_activation.wgsl" with { type: "text" };
import { gpuLinearKernel, weightBindings, weightParts } from "./linear.ts";
import normStage from "./norm_stage.wgsl" with { type: "text" };
import rmsNorm from "./rms_norm.wgsl" with { type: "text" };
import ropeKvAppend from "./rope_kv_append.wgsl" with { type: "text" };
import subgroupLanes from "./subgroup_lanes.wgsl" with { type: "text" };

export type { GemmForm, GemvForm, GpuLinearOptions } from "./linear.ts";

const ELEM = { f32: elemF32, f16: elemF16 };

/** How a matrix is stored. */
interface TableOptions {
  readonly format: "dense" | "q4";
  readonly elem: Elem;
}

const embedKernel = memoize(({ format, elem }: TableOptions) =>
  assembleKernel(`embed_${format}_${elem}`, {
    entries: { embed },
    bindings: {
      tokens: ["read", "array<Token>"],
      y: ["read_write", "array<vec4f>"],
      ...weightBindings(format, elem),
    },
    parts: [step, lanes, ...weightParts(format, elem)],
  })
);

/** By family; functions make a kernel for a format. */
export const GPU_KERNELS = {
  embed: embedKernel,
  linear: gpuLinearKernel,
  normStage: defineKernel("norm_stage", {
    entries: ["norm_stage", "norm_stage_gather"],
    bindings: ["read", "read", "read_write", "read_write", "read"],
    body: normStage,
    libs: [lanes, laneNorm],
  }),
  rmsNorm: defineKernel("rms_norm", {
    bindings: ["read", "read", "read_write"],
    body: rmsNorm,
  }),
  ropeKvAppend: defineKernel("rope_kv_append", {
    bindings: ["read", "read", "read", "read", "read", "read_write", "read_write", "read_write"],
    body: ropeKvAppend,
    libs: [step],
    byElem: ELEM,
  }),
  subgroupLanes: defineKernel("subgroup_lanes", {
    bindings: ["read_write"],
    body: subgroupLanes,
  }),
  attention: gpuAttentionKernel,
  attentionReduce: attentionReduceKernel,
  chooseToken: chooseTokenKernel,
  chooseTokenPartial: chooseTokenPartialKernel,
  gatedActivation: defineKernel("gated_activation", {
    bindings: ["read", "read_write"],
    body: gatedActivation,
    libs: [gate],
  }),
} as const satisfies Record<string, Kernel | ((options: never) => Kernel)>;
