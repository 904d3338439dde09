/**
 * Attention of the software set, and what it needs where sizes do not allow to fuse: RoPE and append, staging.
 *
 * @module
 */
import { SOFTWARE_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice } from "../gpu/mod.ts";
import { createDispatch, PER_TOKEN } from "./dispatch.ts";
import { kvOverrides } from "./kv_textures.ts";
import type { FusableDispatch, FusablePhase } from "./layer_runs.ts";
import type { AttentionOptions, KvLayer, StepBuffers } from "./operations.ts";
import { type SoftwareActivation, stagedOverrides } from "./software_activations.ts";
import type { Scratch } from "./software_scratch.ts";
import { subgroupLanesOf } from "./subgroup_lanes.ts";
import { numTilesOf } from "./tiled_matrices.ts";

const LANES = 8;

/** Columns of queries that a workgroup holds in registers; more spill, and take seconds to compile. */
const MAX_WORKGROUP_COLUMNS = 512;

/** What RoPE and the append work on. */
export interface AppendOptions extends AttentionOptions {
  /** [T, (H + 2 KH) C] f32. */
  readonly qkv: GPUBuffer;
  readonly cosSin: GPUBuffer;
  readonly kv: KvLayer;
  /** [T, H C] f32, four a texel; written. */
  readonly query: GPUTexture;
}

/** Rotates queries and keys, and appends keys and values: where the projection could not do it. */
export function appendToCache(
  device: GpuDevice,
  step: StepBuffers,
  options: AppendOptions,
): Promise<Dispatch> {
  const { numHeads, numKvHeads, headDim, kv } = options;
  const { ropeKvAppend } = SOFTWARE_KERNELS;
  const texelsPerHead = headDim / (kv.elem === "f16" ? 8 : 4);
  return createDispatch(device, ropeKvAppend, ropeKvAppend.name, {
    resources: [options.qkv, step.tokens, options.cosSin, options.query, kv.keys, kv.values],
    overrides: {
      NUM_HEADS: numHeads,
      NUM_KV_HEADS: numKvHeads,
      HEAD_DIM: headDim,
      ROTARY_DIM: options.rotaryDim,
      ...kvOverrides(kv),
    },
    elem: kv.elem,
    x: Math.ceil((numHeads + 2 * numKvHeads) * texelsPerHead / LANES),
    y: PER_TOKEN,
  });
}

/** What attention works on. */
export interface SoftwareAttentionOptions extends AttentionOptions {
  /** [T, H C] f32, four a texel. */
  readonly query: GPUTexture;
  readonly kv: KvLayer;
  readonly y: SoftwareActivation;
}

/** From queries to the activation. */
export async function createSoftwareAttention(
  device: GpuDevice,
  step: StepBuffers,
  scratch: Scratch,
  options: SoftwareAttentionOptions,
): Promise<Dispatch[]> {
  const { headDim, y } = options;
  // The scale of a group needs all its columns in one workgroup.
  const canStage = y.precision === "f32" || headDim % 32 === 0;
  if (canStage) return [await attend(device, step, options, y.staged)];
  const attended = scratch.buffer("attended", y.numCols);
  const kernel = SOFTWARE_KERNELS.stageRows(y.precision);
  return [
    await attend(device, step, options, attended),
    await createDispatch(device, kernel, kernel.name, {
      resources: [attended, y.staged],
      overrides: { ...stagedOverrides(y), K: y.numCols },
      x: numTilesOf(y.numCols),
      y: PER_TOKEN,
    }),
  ];
}

/** Attention proper, into an activation's texture or a buffer. */
async function attend(
  device: GpuDevice,
  step: StepBuffers,
  options: SoftwareAttentionOptions,
  target: GPUTexture | GPUBuffer,
): Promise<FusableDispatch> {
  const { query, numHeads, numKvHeads, headDim, kv, y } = options;
  const numShared = numHeads / numKvHeads;
  const chunks = Math.ceil(numShared * headDim / MAX_WORKGROUP_COLUMNS);
  const isStaged = target instanceof GPUTexture;
  const kernel = SOFTWARE_KERNELS.attention({
    headDim,
    numQueries: Math.ceil(numShared / chunks),
    elem: kv.elem,
    lanes: subgroupLanesOf(device),
    ...(isStaged ? { staged: y.precision } : {}),
  });
  const resources = [
    query,
    step.tokens,
    step.blockTables,
    kv.keys,
    kv.values,
    step.step,
    target,
  ];
  const overrides = {
    NUM_HEADS: numHeads,
    NUM_KV_HEADS: numKvHeads,
    BLOCK_SIZE: kv.blockSize,
    CHUNKS: chunks,
    SCALE: options.scale,
    SOFT_CAP: options.softCap ?? 0,
    WINDOW: options.window ?? 0,
    ...kvOverrides(kv),
    ...(isStaged ? stagedOverrides(y) : {}),
  };
  const phase: FusablePhase = {
    ...{ kernel, resources, overrides, entry: kernel.name },
    x: numKvHeads * chunks,
    y: { tokensEach: 1 },
    countTurns: ({ contextLength }) => 20 + 2 * contextLength / LANES,
  };
  return {
    phase: () => phase,
    ...await createDispatch(device, kernel, kernel.name, {
      ...{ resources, overrides },
      x: numKvHeads * chunks,
      y: PER_TOKEN,
    }),
  };
}
