/**
 * The `gpu` kernel set: host half of kernels/gpu. Correct on every adapter, shaped for its kind.
 *
 * @module
 */
import { GPU_KERNELS, type Kernel } from "../../kernels/mod.ts";
import type { AdapterKind, Dispatch, GpuDevice } from "../gpu/mod.ts";
import { createDispatch, type DispatchOptions, PER_LOGITS_ROW, PER_TOKEN } from "./dispatch.ts";
import { createLinearDispatch, linearOverrides } from "./gpu_linear.ts";
import type {
  Activation,
  AttentionShape,
  KvLayer,
  KvLayout,
  Matrix,
  MatrixPart,
  Norm,
  OperationLimits,
  Operations,
  QkvProjection,
  Residual,
  StepBuffers,
} from "./operations.ts";

/** Invocations a workgroup of row-wise kernels, and how a linear layer shares its sums. */
interface WorkgroupShapes {
  readonly rowThreads: number;
  readonly linear: { readonly K_THREADS: number; readonly ROW_THREADS: number };
  /** Least workgroup size of attention; rounded up to whole heads. */
  readonly attention: number;
}

const SHAPES = {
  // A cache line of weights for each group of K_THREADS.
  gpu: { rowThreads: 64, linear: { K_THREADS: 8, ROW_THREADS: 8 }, attention: 64 },
  // One SIMD group a workgroup; workgroup memory costs more than the sum it would share.
  software: { rowThreads: 8, linear: { K_THREADS: 1, ROW_THREADS: 8 }, attention: 8 },
} as const satisfies Record<AdapterKind, WorkgroupShapes>;

const NUM_TILE_ROWS = 4;

/** What a linear layer does beside the product. */
interface LinearOptions {
  /** [N] f32. */
  bias?: GPUBuffer;
  /** Adds to y instead of overwriting it. */
  accumulate?: boolean;
  /** x and y have a row for each logits row instead of each token. */
  onLogits?: boolean;
  /** y becomes softCap · tanh(y / softCap). */
  softCap?: number;
}

/**
 * Creates the operations of one model on one device.
 *
 * @param kind whose workgroup shapes to use; both are correct on every adapter
 */
export function createGpuOperations(
  device: GpuDevice,
  step: StepBuffers,
  { maxStepTokens }: OperationLimits,
  kind: AdapterKind = device.info.kind,
): Operations {
  const shapes = SHAPES[kind];
  const unused = device.createBuffer("unused binding", 16);
  /** By name and size; layers follow each other and share them. */
  const buffers = new Map<string, GPUBuffer>();

  /** [T, numCols] f32. */
  function scratch(name: string, numCols: number): GPUBuffer {
    const key = `${name} of ${numCols} columns`;
    const known = buffers.get(key);
    if (known) return known;
    const buffer = device.createBuffer(key, 4 * numCols * maxStepTokens);
    buffers.set(key, buffer);
    return buffer;
  }

  const dispatch = (kernel: Kernel, entry: string, options: DispatchOptions) =>
    createDispatch(device, kernel, entry, options);

  function linearPart(
    x: GPUBuffer,
    weight: Matrix,
    part: MatrixPart,
    y: GPUBuffer,
    options: LinearOptions,
  ): Promise<Dispatch> {
    const kernel = weight.format === "q4" ? GPU_KERNELS.linearQ4 : GPU_KERNELS.linearDense;
    return createLinearDispatch(device, kernel, {
      resources: [options.bias ?? unused, y, step.step, x, ...part.resources],
      overrides: { ...shapes.linear, ...linearOverrides(weight, part, options) },
      elem: weight.elem,
      x: Math.ceil(part.numRows / (NUM_TILE_ROWS * shapes.linear.ROW_THREADS)),
      count: options.onLogits ? PER_LOGITS_ROW : PER_TOKEN,
    });
  }

  function rmsNorm(
    x: GPUBuffer,
    { weight, eps }: Norm,
    y: GPUBuffer,
    options: { size: number; gather?: boolean; accumulate?: boolean },
  ): Promise<Dispatch> {
    const { size, gather = false, accumulate = false } = options;
    return dispatch(GPU_KERNELS.rmsNorm, gather ? "rms_norm_gather" : "rms_norm", {
      resources: [x, weight, y, step.logitsRows],
      overrides: { D: size, EPS: eps, ACCUMULATE: accumulate, WORKGROUP_SIZE: shapes.rowThreads },
      x: gather ? PER_LOGITS_ROW : PER_TOKEN,
    });
  }

  /** The norm that ends every change of the residual stream. */
  const normOf = ({ hidden, norm, normed, isLast }: Residual) =>
    rmsNorm(hidden, norm, bufferOf(normed), { size: normed.numCols, gather: isLast });

  function linear(
    x: GPUBuffer,
    weight: Matrix,
    y: GPUBuffer,
    options: LinearOptions = {},
  ): Promise<Dispatch[]> {
    return Promise.all(weight.parts.map((part) => linearPart(x, weight, part, y, options)));
  }

  function normHeads(
    qkv: GPUBuffer,
    { query, key, eps }: NonNullable<QkvProjection["headNorms"]>,
    { numHeads, numKvHeads, headDim }: AttentionShape,
  ): Promise<Dispatch> {
    return dispatch(GPU_KERNELS.rmsNormHeads, "rms_norm_heads", {
      resources: [qkv, query, key],
      overrides: {
        NUM_HEADS: numHeads,
        NUM_KV_HEADS: numKvHeads,
        HEAD_DIM: headDim,
        EPS: eps,
        WORKGROUP_SIZE: shapes.rowThreads,
      },
      x: Math.ceil((numHeads + numKvHeads) / shapes.rowThreads),
      y: PER_TOKEN,
    });
  }

  return {
    activation: (name, { numCols }) => ({ numCols, resources: [scratch(name, numCols)] }),

    embed: async (table, to, { scale = 1 } = {}) => {
      const isQuantized = table.format === "q4";
      const kernel = isQuantized ? GPU_KERNELS.embedQ4 : GPU_KERNELS.embedDense;
      const parts = table.parts.map((part) =>
        dispatch(kernel, kernel.name, {
          resources: [step.tokens, to.hidden, ...part.resources],
          overrides: {
            D: table.numCols,
            ROW_OFFSET: part.rowOffset,
            NUM_ROWS: part.numRows,
            SCALE: scale,
            WORKGROUP_SIZE: shapes.rowThreads,
          },
          elem: table.elem,
          x: Math.ceil(table.numCols / ((isQuantized ? 8 : 4) * shapes.rowThreads)),
          y: PER_TOKEN,
        })
      );
      return [...await Promise.all(parts), await normOf(to)];
    },

    attention: async (x, { weight, bias, headNorms, cosSin }, kv, y, options) => {
      const { numHeads, numKvHeads, headDim } = options;
      const qkv = scratch("qkv", weight.numRows);
      const query = scratch("queries", numHeads * headDim);
      const heads = { NUM_HEADS: numHeads, NUM_KV_HEADS: numKvHeads, HEAD_DIM: headDim };
      return [
        ...await linear(bufferOf(x), weight, qkv, bias ? { bias } : {}),
        ...(headNorms ? [await normHeads(qkv, headNorms, options)] : []),
        await dispatch(GPU_KERNELS.ropeKvAppend, "rope_kv_append", {
          resources: [qkv, step.tokens, cosSin, query, kv.keys, kv.values],
          overrides: {
            ...heads,
            ROTARY_DIM: options.rotaryDim,
            WORKGROUP_SIZE: shapes.rowThreads,
          },
          elem: kv.elem,
          x: Math.ceil((numHeads + 2 * numKvHeads) * headDim / 8 / shapes.rowThreads),
          y: PER_TOKEN,
        }),
        await dispatch(GPU_KERNELS.attentionPaged, "attention_paged", {
          resources: [
            query,
            step.tokens,
            step.blockTables,
            kv.keys,
            kv.values,
            bufferOf(y),
            step.step,
          ],
          overrides: {
            ...heads,
            BLOCK_SIZE: kv.blockSize,
            SCALE: options.scale,
            SOFT_CAP: options.softCap ?? 0,
            WINDOW: options.window ?? 0,
            WORKGROUP_SIZE: attentionWorkgroupSize(headDim, shapes.attention),
          },
          elem: kv.elem,
          x: numHeads,
          y: PER_TOKEN,
        }),
      ];
    },

    gatedLinear: async (x, weight, y, { activation }) => {
      const gateUp = scratch("gate up", weight.numRows);
      return [
        ...await linear(bufferOf(x), weight, gateUp),
        await dispatch(GPU_KERNELS.gatedActivation, activation, {
          resources: [gateUp, bufferOf(y)],
          overrides: { F: y.numCols, WORKGROUP_SIZE: shapes.rowThreads },
          x: Math.ceil(y.numCols / (4 * shapes.rowThreads)),
          y: PER_TOKEN,
        }),
      ];
    },

    addLinear: async (x, weight, to, { postNorm } = {}) => {
      if (!postNorm) {
        const sum = await linear(bufferOf(x), weight, to.hidden, { accumulate: true });
        return [...sum, await normOf(to)];
      }
      const output = scratch("output", weight.numRows);
      const size = weight.numRows;
      return [
        ...await linear(bufferOf(x), weight, output),
        await rmsNorm(output, postNorm, to.hidden, { size, accumulate: true }),
        await normOf(to),
      ];
    },

    logits: (x, weight, y, options) =>
      linear(bufferOf(x), weight, y, { ...options, onLogits: true }),

    destroy() {
      unused.destroy();
      for (const buffer of buffers.values()) buffer.destroy();
    },
  };
}

/** The only resource of this set's activations. */
function bufferOf({ resources }: Activation): GPUBuffer {
  return resources[0] as GPUBuffer;
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

/** A KV cache in two storage buffers, [slots, KH, C] of elem each. */
export function createKvBuffers(device: GpuDevice, label: string, layout: KvLayout): KvLayer {
  const { numBlocks, blockSize, numKvHeads, headDim, elem } = layout;
  const size = numBlocks * blockSize * numKvHeads * headDim * (elem === "f16" ? 2 : 4);
  return {
    ...layout,
    keys: device.createBuffer(`keys ${label}`, size),
    values: device.createBuffer(`values ${label}`, size),
  };
}
