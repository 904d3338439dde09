/**
 * Attention of the gpu set: positions and the KV cache, then the softmax.
 *
 * @module
 */
import { GPU_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice } from "../gpu/mod.ts";
import { createDispatch, PER_TOKEN } from "./dispatch.ts";
import type { GpuShapes } from "./gpu_shapes.ts";
import type { AttentionOptions, KvLayer, QkvProjection, StepBuffers } from "./operations.ts";

/** What both halves need. */
export interface AttentionContext {
  readonly device: GpuDevice;
  readonly step: StepBuffers;
  readonly shapes: GpuShapes;
  readonly kv: KvLayer;
  readonly options: AttentionOptions;
}

function headOverrides({ numHeads, numKvHeads, headDim }: AttentionOptions) {
  return { NUM_HEADS: numHeads, NUM_KV_HEADS: numKvHeads, HEAD_DIM: headDim };
}

/** Rotates queries and keys of qkv [T, (H + 2 KH) C], appends keys and values, sets query [T, H C]. */
export async function createRopeKvAppend(
  { device, step, shapes, kv, options }: AttentionContext,
  buffers: Pick<QkvProjection, "headNorms" | "cosSin"> & { qkv: GPUBuffer; query: GPUBuffer },
): Promise<Dispatch[]> {
  const { numHeads, numKvHeads, headDim, rotaryDim } = options;
  const { qkv, query, cosSin, headNorms } = buffers;
  const heads = headOverrides(options);
  const dispatches: Dispatch[] = [];
  if (headNorms) {
    dispatches.push(
      await createDispatch(device, GPU_KERNELS.rmsNormHeads, "rms_norm_heads", {
        resources: [qkv, headNorms.query, headNorms.key],
        overrides: { ...heads, EPS: headNorms.eps, WORKGROUP_SIZE: shapes.rowThreads },
        x: Math.ceil((numHeads + numKvHeads) / shapes.rowThreads),
        y: PER_TOKEN,
      }),
    );
  }
  dispatches.push(
    await createDispatch(device, GPU_KERNELS.ropeKvAppend, "rope_kv_append", {
      resources: [qkv, step.tokens, cosSin, query, kv.keys, kv.values],
      overrides: { ...heads, ROTARY_DIM: rotaryDim, WORKGROUP_SIZE: shapes.rowThreads },
      elem: kv.elem,
      x: Math.ceil((numHeads + 2 * numKvHeads) * headDim / 8 / shapes.rowThreads),
      y: PER_TOKEN,
    }),
  );
  return dispatches;
}

/** y [T, H C] of query [T, H C] over the cache. */
export async function createGpuAttention(
  { device, step, shapes, kv, options }: AttentionContext,
  { query, y }: { query: GPUBuffer; y: GPUBuffer },
): Promise<Dispatch[]> {
  return [
    await createDispatch(device, GPU_KERNELS.attentionPaged, "attention_paged", {
      resources: [query, step.tokens, step.blockTables, kv.keys, kv.values, y, step.step],
      overrides: {
        ...headOverrides(options),
        BLOCK_SIZE: kv.blockSize,
        SCALE: options.scale,
        SOFT_CAP: options.softCap ?? 0,
        WINDOW: options.window ?? 0,
        WORKGROUP_SIZE: attentionWorkgroupSize(options.headDim, shapes.attention),
      },
      elem: kv.elem,
      x: options.numHeads,
      y: PER_TOKEN,
    }),
  ];
}

/**
 * Smallest multiple of a head's fours that is at least `least`, and a multiple of 8: the software driver runs nested
 * loops wrongly in other workgroups.
 */
export function attentionWorkgroupSize(headDim: number, least: number): number {
  const fours = headDim / 4;
  let size = fours;
  while (size < least || size % 8 !== 0) size += fours;
  return size;
}
