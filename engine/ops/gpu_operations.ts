/**
 * The `gpu` kernel set: host half of kernels/gpu. Correct on every adapter, shaped for graphics cards.
 *
 * @module
 */
import { GPU_KERNELS, type Kernel } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, Overrides } from "../gpu/mod.ts";
import type { BufferPart } from "./buffer_matrices.ts";
import { createChooseTokens } from "./choose_tokens.ts";
import { createDispatch, type DispatchOptions, PER_TOKEN } from "./dispatch.ts";
import { bufferOf, GpuActivations } from "./gpu_activations.ts";
import {
  type AttentionContext,
  createGpuAttention,
  createRopeKvAppend,
  MAX_SPLIT_TOKENS,
} from "./gpu_attention.ts";
import { createGpuLinear } from "./gpu_linear.ts";
import { FormChoices } from "./gpu_linear_forms.ts";
import type { LinearContext, LinearOutput } from "./gpu_linear_bindings.ts";
import { chooseShapes, type GpuShapes } from "./gpu_shapes.ts";
import type {
  Activation,
  AttentionOptions,
  KvCache,
  KvLayout,
  Matrix,
  Norm,
  OperationLimits,
  Operations,
  QkvProjection,
  Residual,
  StepBuffers,
} from "./operations.ts";

/** Invocations that share a chunk of a row of logits. */
const CHOOSE_THREADS = 256;

/**
 * Creates the operations of one model on one device.
 *
 * @param shapes how kernels share their work; absent takes what suits the device's kind
 */
export function createGpuOperations(
  device: GpuDevice,
  step: StepBuffers,
  { maxStepTokens }: OperationLimits,
  shapes: GpuShapes = chooseShapes(device),
): Operations {
  const unused = device.createBuffer("unused binding", 16);
  const activations = new GpuActivations(device, maxStepTokens);
  const owned = [unused];
  const choices = new FormChoices();
  const context: LinearContext = { device, step, shapes, choices, unused, owned };

  const dispatch = (kernel: Kernel, entry: string, options: DispatchOptions) =>
    createDispatch(device, kernel, entry, options);

  function linear(x: Activation, weight: Matrix, output: LinearOutput): Promise<Dispatch[]> {
    return createGpuLinear(context, { input: activations.inputOf(x), weight, output });
  }

  function normAdd({ hidden }: Residual, x: GPUBuffer, norm: Norm, size: number) {
    return dispatch(GPU_KERNELS.rmsNorm, "rms_norm", {
      resources: [x, norm.weight, hidden],
      overrides: { D: size, EPS: norm.eps, ACCUMULATE: true, WORKGROUP_SIZE: shapes.rowThreads },
      x: PER_TOKEN,
    });
  }

  function embedPart(table: Matrix, part: Matrix["parts"][number], y: GPUBuffer, scale: number) {
    const kernel = GPU_KERNELS.embed(table);
    return dispatch(kernel, "embed", {
      resources: [step.tokens, y, ...part.resources],
      overrides: {
        ...tableOverrides(table, part),
        SCALE: scale,
        WORKGROUP_SIZE: shapes.rowThreads,
      },
      x: Math.ceil(table.numCols / (8 * shapes.rowThreads)),
      y: PER_TOKEN,
    });
  }

  /** Queries, and keys and values in the cache: by the projection itself where it can. */
  async function project(
    x: Activation,
    { weight, bias, cosSin, headNorms }: QkvProjection,
    query: GPUBuffer,
    attention: AttentionContext,
  ): Promise<Dispatch[]> {
    const { kv, options } = attention;
    const ownBias = bias ? { bias } : {};
    if (!headNorms && canEndByRope(device, weight, options)) {
      return await linear(x, weight, {
        ...ownBias,
        kind: "rope",
        query,
        kv,
        cosSin,
        sizes: options,
      });
    }
    const qkv = activations.scratch("qkv", weight.numRows);
    return [
      ...await linear(x, weight, { ...ownBias, kind: "store", y: qkv }),
      await createRopeKvAppend(attention, {
        qkv,
        query,
        unused,
        cosSin,
        ...(headNorms && { headNorms }),
      }),
    ];
  }

  /** [min(T, MAX_SPLIT_TOKENS), size] f32. */
  const splitScratch = (size: number, name: string) =>
    activations.scratch(name, size, Math.min(maxStepTokens, MAX_SPLIT_TOKENS));

  return {
    activation: (name, weight) => activations.get(name, weight),

    embed: (table, to, { scale = 1 } = {}) => {
      activations.standForNorm(to);
      return Promise.all(table.parts.map((part) => embedPart(table, part, to.hidden, scale)));
    },

    attention: async (x, projection, kv, y, options) => {
      const query = activations.scratch("queries", options.numHeads * options.headDim);
      const parts = { device, step, shapes, kv, options };
      return [
        ...await project(x, projection, query, parts),
        ...await createGpuAttention(parts, { query, y: bufferOf(y), scratch: splitScratch }),
      ];
    },

    gatedLinear: async (x, weight, y, { activation }) => {
      const isGeglu = activation === "geglu";
      if (weight.parts.length === 1) {
        return await linear(x, weight, { kind: "gated", y: bufferOf(y), isGeglu });
      }
      // Gates and ups lie in different buffers.
      const gateUp = activations.scratch("gate up", weight.numRows);
      return [
        ...await linear(x, weight, { kind: "store", y: gateUp }),
        await dispatch(GPU_KERNELS.gatedActivation, "gated_activation", {
          resources: [gateUp, bufferOf(y)],
          overrides: { F: y.numCols, IS_GEGLU: isGeglu, WORKGROUP_SIZE: shapes.rowThreads },
          x: Math.ceil(y.numCols / (4 * shapes.rowThreads)),
          y: PER_TOKEN,
        }),
      ];
    },

    addLinear: async (x, weight, to, { postNorm } = {}) => {
      activations.standForNorm(to);
      if (!postNorm) return await linear(x, weight, { kind: "add", y: to.hidden });
      const output = activations.scratch("output", weight.numRows);
      return [
        ...await linear(x, weight, { kind: "store", y: output }),
        await normAdd(to, output, postNorm, weight.numRows),
      ];
    },

    logits: (x, weight, y, options) =>
      linear(x, weight, { ...options, kind: "store", y, onLogits: true }),

    chooseTokens: (options) =>
      createChooseTokens({
        ...options,
        device,
        step,
        numThreads: CHOOSE_THREADS,
        createScratch: (name, numCols) => activations.scratch(name, numCols, options.maxRows),
      }),

    tunables: () => choices.list(),

    destroy() {
      for (const buffer of owned) buffer.destroy();
      activations.destroy();
    },
  };
}

/** Storage buffers of a layer that ends by RoPE and append. */
const ROPE_BUFFERS = 10;

/** Whether rows that turn into each other lie in the same part, and the device binds as much. */
function canEndByRope({ raw }: GpuDevice, { parts }: Matrix, { headDim }: AttentionOptions) {
  return raw.limits.maxStorageBuffersPerShaderStage >= ROPE_BUFFERS &&
    parts.every(({ rowOffset, numRows }) => rowOffset % headDim === 0 && numRows % headDim === 0);
}

/** Overrides of kernels/gpu/embed.wgsl that say where a table's rows lie. */
function tableOverrides(table: Matrix, part: Matrix["parts"][number]): Overrides {
  return {
    K: table.numCols,
    K_THREADS: (part as BufferPart).numLanes,
    ROW_OFFSET: part.rowOffset,
    NUM_ROWS: part.numRows,
  };
}

/** Vectors in a storage buffer each. */
export function createVectorBuffers(
  device: GpuDevice,
  sizes: ReadonlyMap<string, number>,
): Map<string, GPUBuffer> {
  return new Map([...sizes].map(([name, size]) => [name, device.createBuffer(name, 4 * size)]));
}

/** KV caches in two storage buffers a layer, [slots, KH, C] of elem each. */
export function createKvBuffers(device: GpuDevice, layout: KvLayout, count: number): KvCache {
  const { numBlocks, blockSize, numKvHeads, headDim, elem } = layout;
  const size = numBlocks * blockSize * numKvHeads * headDim * (elem === "f16" ? 2 : 4);
  const layers = Array.from({ length: count }, (_, i) => ({
    ...layout,
    keys: device.createBuffer(`keys ${i}`, size),
    values: device.createBuffer(`values ${i}`, size),
  }));
  return { layers };
}
