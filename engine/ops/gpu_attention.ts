/**
 * Attention of the gpu set: positions and the KV cache, then the softmax.
 *
 * @module
 */
import { GPU_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource, Overrides, StepShape } from "../gpu/mod.ts";
import { type Count, createDispatch, PER_TOKEN } from "./dispatch.ts";
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

/**
 * Norms and rotates query and key heads of qkv [T, (H + 2 KH) C], appends keys and values, sets query [T, H C]: for projections
 * that cannot end so themselves.
 */
export function createRopeKvAppend(
  { device, step, shapes, kv, options }: AttentionContext,
  { qkv, query, unused, cosSin, headNorms }:
    & Pick<QkvProjection, "headNorms" | "cosSin">
    & Record<"qkv" | "query" | "unused", GPUBuffer>,
): Promise<Dispatch> {
  const { numHeads, numKvHeads, headDim, rotaryDim } = options;
  const weights = headNorms ? [headNorms.query, headNorms.key] : [unused, unused];
  return createDispatch(device, GPU_KERNELS.ropeKvAppend, "rope_kv_append", {
    resources: [qkv, step.tokens, cosSin, ...weights, query, kv.keys, kv.values],
    overrides: {
      NUM_HEADS: numHeads,
      NUM_KV_HEADS: numKvHeads,
      HEAD_DIM: headDim,
      ROTARY_DIM: rotaryDim,
      WORKGROUP_SIZE: shapes.rowThreads,
      ...(headNorms && { HAS_HEAD_NORMS: true, EPS: headNorms.eps }),
    },
    elem: kv.elem,
    x: Math.ceil((numHeads + 2 * numKvHeads) * headDim / 8 / shapes.rowThreads),
    y: PER_TOKEN,
  });
}

/** Up to this many tokens each has its positions split among workgroups; more fill a card without that. */
export const MAX_SPLIT_TOKENS = 16;

/** Positions of a split, at least; a power of two times a tile. */
const MIN_SPLIT = 256;

/** Splits of a token, at most: a bound for partial results, and for workgroups that find nothing to do. */
const MAX_SPLITS = 64;

/** Query heads of a workgroup: what an invocation holds in variables. */
const MAX_HEADS = 8;

/** Rows of a workgroup that takes several tokens. */
const MAX_TILE_ROWS = 8;

/** Components of all rows of a workgroup: 4 KiB for queries and 4 KiB for outputs. */
const MAX_ROW_COMPONENTS = 1024;

/** y [T, H C] of query [T, H C] over the cache. */
export async function createGpuAttention(
  context: AttentionContext,
  buffers: { query: GPUBuffer; y: GPUBuffer; scratch: (size: number, name: string) => GPUBuffer },
): Promise<Dispatch[]> {
  const { device, step, kv, options } = context;
  const { query, y, scratch } = buffers;
  const { numHeads, headDim, window = 0 } = options;
  const heads = headsOf(options);
  const split = splitOf(kv.numBlocks * kv.blockSize);
  const numSplits = Math.ceil(kv.numBlocks * kv.blockSize / split);
  const partials = scratch(numHeads * numSplits * headDim, "attention partials");
  const stats = scratch(numHeads * numSplits * 2, "attention stats");
  const overrides = {
    NUM_HEADS: numHeads,
    NUM_KV_HEADS: options.numKvHeads,
    BLOCK_SIZE: kv.blockSize,
    SPLIT: split,
    SCALE: options.scale,
    SOFT_CAP: options.softCap ?? 0,
    WINDOW: window,
  };
  const inputs = [query, step.tokens, step.blockTables, kv.keys, kv.values, step.step];
  const needsSplits = ({ numTokens, contextLength }: StepShape) =>
    numTokens <= MAX_SPLIT_TOKENS && contextLength > split;
  const splitTokens: Count = (shape) => needsSplits(shape) ? shape.numTokens : 0;
  const splitKernel = GPU_KERNELS.attention({ elem: kv.elem, headDim, heads });
  return await Promise.all([
    createDispatch(device, splitKernel, splitKernel.name, {
      resources: [...inputs, partials, stats],
      overrides: { ...overrides, NUM_SPLITS: numSplits },
      x: ({ contextLength }) =>
        numHeads / heads * Math.min(numSplits, Math.ceil(contextLength / split)),
      y: splitTokens,
    }),
    createDispatch(device, GPU_KERNELS.attentionReduce, "attention_reduce", {
      resources: [step.tokens, partials, stats, y],
      overrides: {
        NUM_HEADS: numHeads,
        HEAD_DIM: headDim,
        NUM_SPLITS: numSplits,
        SPLIT: split,
        WINDOW: window,
      },
      x: numHeads,
      y: splitTokens,
    }),
    createWholeAttention(context, heads, { resources: [...inputs, y], overrides, needsSplits }),
  ]);
}

/** Without splits: many tokens, or few positions. Few tokens have a workgroup each, many share one's keys. */
async function createWholeAttention(
  { device, kv, options }: AttentionContext,
  heads: number,
  { resources, overrides, needsSplits }: {
    resources: GpuResource[];
    overrides: Overrides;
    needsSplits: (shape: StepShape) => boolean;
  },
): Promise<Dispatch> {
  const { numHeads, headDim } = options;
  const create = (tokens: number) => {
    const kernel = GPU_KERNELS.attention({ elem: kv.elem, headDim, heads, tokens });
    return createDispatch(device, kernel, kernel.name, {
      resources,
      overrides,
      x: numHeads / heads,
      y: (shape) => needsSplits(shape) ? 0 : Math.ceil(shape.numTokens / tokens),
    });
  };
  const [alone, shared] = await Promise.all([create(1), create(tokensOf(heads, headDim))]);
  const own = ({ numTokens }: StepShape) => numTokens <= MAX_SPLIT_TOKENS ? alone : shared;
  return {
    kernel: "attention_tile",
    bindGroup: shared.bindGroup,
    pipeline: (shape) => own(shape).pipeline(shape),
    workgroupsX: (shape) => own(shape).workgroupsX(shape),
    workgroupsY: (shape) => own(shape).workgroupsY(shape),
  };
}

/** Query heads of a KV head that a workgroup takes: the largest divisor that fits. */
function headsOf({ numHeads, numKvHeads, headDim }: AttentionOptions): number {
  const all = numHeads / numKvHeads;
  let heads = Math.min(all, MAX_HEADS, Math.floor(MAX_ROW_COMPONENTS / headDim));
  while (all % heads !== 0) heads--;
  return heads;
}

function tokensOf(heads: number, headDim: number): number {
  const maxRows = Math.min(MAX_TILE_ROWS, Math.floor(MAX_ROW_COMPONENTS / headDim));
  return Math.max(1, Math.floor(maxRows / heads));
}

/** Positions of a split in a cache of so many slots. */
function splitOf(numSlots: number): number {
  let split = MIN_SPLIT;
  while (split * MAX_SPLITS < numSlots) split *= 2;
  return split;
}
