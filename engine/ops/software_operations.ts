/**
 * The `software` kernel set: host half of kernels/software. Layers on textures, everything else as the gpu set does it.
 *
 * @module
 */
import { SOFTWARE_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice } from "../gpu/mod.ts";
import {
  createDispatch,
  createLinearDispatch,
  linearOverrides,
  PER_LOGITS_ROW,
  PER_TOKEN,
} from "./dispatch.ts";
import { createTexelTexture } from "./tiled_matrices.ts";
import { createGpuOperations } from "./gpu_operations.ts";
import type {
  KvLayer,
  KvLayout,
  LinearOptions,
  Matrix,
  MatrixPart,
  OperationLimits,
  Operations,
  StepBuffers,
} from "./operations.ts";

const LANES = 8;
const ROWS_PER_TILE = 32;
/** Columns are staged in whole groups of q4. */
const STAGED_COLUMNS = 32;

/** Creates the operations of one model on one device. */
export function createSoftwareOperations(
  device: GpuDevice,
  step: StepBuffers,
  { maxStepTokens }: OperationLimits,
): Operations {
  const unused = device.createBuffer("unused binding", 16);
  /** By width; a step uses one after the other, so layers share them. */
  const activations = new Map<number, GPUTexture>();

  function activationTexture(numCols: number): GPUTexture {
    const width = Math.ceil(numCols / STAGED_COLUMNS) * (STAGED_COLUMNS / 4);
    let texture = activations.get(width);
    if (!texture) {
      texture = device.raw.createTexture({
        label: `activations of ${numCols} columns`,
        size: [width, Math.ceil(maxStepTokens / 4) * 4], // whole tiles of tokens
        format: "rgba32float",
        usage: GPUTextureUsage.STORAGE_BINDING,
      });
      activations.set(width, texture);
    }
    return texture;
  }

  function linearPart(
    x: GPUTexture,
    weight: Matrix,
    part: MatrixPart,
    y: GPUBuffer,
    options: LinearOptions,
  ): Promise<Dispatch> {
    const isQuantized = weight.format === "q4";
    return createLinearDispatch(
      device,
      isQuantized ? SOFTWARE_KERNELS.linearQ4 : SOFTWARE_KERNELS.linearDense,
      {
        resources: [options.bias ?? unused, y, step.step, x, ...part.resources],
        overrides: linearOverrides(weight, part, options),
        ...(isQuantized ? {} : { elem: weight.elem }),
        x: Math.ceil(part.numRows / ROWS_PER_TILE),
        count: options.onLogits ? PER_LOGITS_ROW : PER_TOKEN,
      },
    );
  }

  return {
    ...createGpuOperations(device, step, { maxStepTokens }, "software"),

    embed: (table, y, { scale = 1 } = {}) => {
      const isQuantized = table.format === "q4";
      const kernel = isQuantized ? SOFTWARE_KERNELS.embedQ4 : SOFTWARE_KERNELS.embedDense;
      const columnsPerInvocation = isQuantized || table.elem === "f16" ? 8 : 4;
      return Promise.all(table.parts.map((part) =>
        createDispatch(device, kernel, kernel.name, {
          resources: [step.tokens, y, ...part.resources],
          overrides: {
            D: table.numCols,
            ROW_OFFSET: part.rowOffset,
            NUM_ROWS: part.numRows,
            SCALE: scale,
          },
          ...(isQuantized ? {} : { elem: table.elem }),
          x: Math.ceil(table.numCols / (columnsPerInvocation * LANES)),
          y: PER_TOKEN,
        })
      ));
    },

    linear: async (x, weight, y, options = {}) => {
      const texture = activationTexture(weight.numCols);
      const { stageActivations } = SOFTWARE_KERNELS;
      return [
        await createDispatch(device, stageActivations, stageActivations.name, {
          resources: [x, texture],
          overrides: { K: weight.numCols },
          x: Math.ceil(texture.width / LANES),
          y: options.onLogits ? PER_LOGITS_ROW : PER_TOKEN,
        }),
        ...await Promise.all(
          weight.parts.map((part) => linearPart(texture, weight, part, y, options)),
        ),
      ];
    },

    attention: async (qkv, cosSin, kv, y, options) => {
      const { numHeads, numKvHeads, headDim } = options;
      const query = activationTexture(numHeads * headDim);
      const texelsPerHead = headDim / (kv.elem === "f16" ? 8 : 4);
      const chunks = Math.ceil(texelsPerHead / LANES);
      const heads = { NUM_HEADS: numHeads, NUM_KV_HEADS: numKvHeads, HEAD_DIM: headDim };
      const { ropeKvAppend, attentionPaged } = SOFTWARE_KERNELS;
      return [
        await createDispatch(device, ropeKvAppend, ropeKvAppend.name, {
          resources: [qkv, step.tokens, cosSin, query, kv.keys, kv.values],
          overrides: { ...heads, ROTARY_DIM: options.rotaryDim },
          elem: kv.elem,
          x: Math.ceil((numHeads + 2 * numKvHeads) * texelsPerHead / LANES),
          y: PER_TOKEN,
        }),
        await createDispatch(device, attentionPaged, attentionPaged.name, {
          resources: [query, step.tokens, step.blockTables, kv.keys, kv.values, y, step.step],
          overrides: {
            ...heads,
            BLOCK_SIZE: kv.blockSize,
            SCALE: options.scale,
            SOFT_CAP: options.softCap ?? 0,
            WINDOW: options.window ?? 0,
            CHUNKS: chunks,
          },
          elem: kv.elem,
          x: numHeads * chunks,
          y: PER_TOKEN,
        }),
      ];
    },
  };
}

/** A KV cache in two storage textures; see kernels/lib/kv_tiles.wgsl. */
export function createKvTextures(device: GpuDevice, label: string, layout: KvLayout): KvLayer {
  const { numBlocks, blockSize, numKvHeads, headDim, elem } = layout;
  const numTexels = numBlocks * blockSize * numKvHeads * headDim / (elem === "f16" ? 8 : 4);
  const create = (name: string) => createTexelTexture(device, `${name} ${label}`, numTexels);
  return { ...layout, keys: create("keys"), values: create("values") };
}
