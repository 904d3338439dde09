/**
 * The `software` kernel set: host half of kernels/software. A layer is five dispatches where sizes allow it.
 *
 * @module
 */
import { canNormHeads, SOFTWARE_KERNELS } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource } from "../gpu/mod.ts";
import { createChooseTokens } from "./choose_tokens.ts";
import { createDispatch, PER_LOGITS_ROW, PER_TOKEN } from "./dispatch.ts";
import { canFuse, LayerFusion } from "./fusion.ts";
import { kvOverrides } from "./kv_textures.ts";
import type {
  Activation,
  AttentionOptions,
  AttentionShape,
  KvLayer,
  Matrix,
  OperationLimits,
  Operations,
  QkvProjection,
  Residual,
  StepBuffers,
} from "./operations.ts";
import { appendToCache, createSoftwareAttention } from "./software_attention.ts";
import {
  softwareActivation,
  SoftwareActivations,
  stagedOverrides,
} from "./software_activations.ts";
import { createSoftwareLinear } from "./software_linear.ts";
import { Scratch } from "./software_scratch.ts";
import { numTilesOf, tileOverrides, weightFormatOf } from "./tiled_matrices.ts";

const LANES = 8;

/** Creates the operations of one model on one device. */
export function createSoftwareOperations(
  device: GpuDevice,
  step: StepBuffers,
  { maxStepTokens, fusesLayers = false }: OperationLimits,
): Operations {
  const activations = new SoftwareActivations(device, maxStepTokens);
  const scratch = new Scratch(device, maxStepTokens);
  const fusion = fusesLayers && canFuse(device) ? new LayerFusion(device, step.step) : null;

  /** y [T or L, N] f32 of every part. */
  function store(
    x: Activation,
    weight: Matrix,
    y: GPUBuffer,
    options: { bias?: GpuResource; onLogits?: boolean; softCap?: number } = {},
  ): Dispatch[] {
    const { bias = scratch.unused, onLogits = false, softCap = 0 } = options;
    return weight.parts.map((part) =>
      createSoftwareLinear(device, step.step, {
        x,
        weight,
        part,
        end: { end: "store" },
        resources: [bias, step.logitsRows, y],
        overrides: {
          N: weight.numRows,
          NUM_ROWS: part.numRows,
          ROW_OFFSET: part.rowOffset,
          HAS_BIAS: options.bias !== undefined,
          ON_LOGITS: onLogits,
          SOFT_CAP: softCap,
        },
        count: onLogits ? PER_LOGITS_ROW : PER_TOKEN,
      })
    );
  }

  /** Queries, rotated, in their texture; keys and values in the cache. One dispatch where the sizes allow it. */
  async function projectQkv(
    x: Activation,
    { weight, bias, headNorms, cosSin }: QkvProjection,
    kv: KvLayer,
    query: GPUTexture,
    options: AttentionOptions,
  ): Promise<Dispatch[]> {
    const { numHeads, numKvHeads, headDim, rotaryDim } = options;
    const canEndByRope = weight.parts.length === 1 && headDim % 16 === 0 &&
      rotaryDim % 16 === 0 && (!headNorms || canNormHeads(headDim));
    if (canEndByRope) {
      const pairs = (numHeads + 2 * numKvHeads) * headDim / 16;
      return [
        createSoftwareLinear(device, step.step, {
          x,
          weight,
          part: weight.parts[0]!,
          end: { end: "rope", kvElem: kv.elem, ...(headNorms && { hasHeadNorms: true }) },
          resources: [
            ...[bias ?? scratch.unused, step.tokens, cosSin, query, kv.keys, kv.values],
            ...(headNorms ? [headNorms.query, headNorms.key] : []),
          ],
          overrides: {
            NUM_HEADS: numHeads,
            NUM_KV_HEADS: numKvHeads,
            HEAD_DIM: headDim,
            ROTARY_DIM: rotaryDim,
            HAS_BIAS: bias !== undefined,
            ...(headNorms && { HEAD_EPS: headNorms.eps }),
            ...kvOverrides(kv),
          },
          numTiles: Math.ceil(pairs / LANES),
          count: PER_TOKEN,
        }),
      ];
    }
    const qkv = scratch.buffer("qkv", weight.numRows);
    return [
      ...store(x, weight, qkv, bias ? { bias } : {}),
      ...(headNorms ? [await normHeads(device, qkv, headNorms, options)] : []),
      await appendToCache(device, step, { qkv, cosSin, kv, query, ...options }),
    ];
  }

  return {
    activation: (name, weight) => activations.get(name, weight),

    embed: (table, to, { scale = 1 } = {}) => {
      const kernel = SOFTWARE_KERNELS.embed({
        format: weightFormatOf(table),
        staged: softwareActivation(to.normed).precision,
      });
      return Promise.all(table.parts.map((part) =>
        createDispatch(device, kernel, kernel.name, {
          resources: [step.tokens, ...part.resources.slice(0, 2), ...residualResources(to)],
          overrides: {
            ...residualOverrides(to),
            ACCUMULATE: false,
            ...tileOverrides(table),
            ROW_OFFSET: part.rowOffset,
            NUM_ROWS: part.numRows,
            SCALE: scale,
          },
          x: numTilesOf(table.numCols),
          y: PER_TOKEN,
        })
      ));
    },

    attention: async (x, qkv, kv, y, options) => {
      const query = scratch.texture("queries", options.numHeads * options.headDim);
      return [
        ...await projectQkv(x, qkv, kv, query, options),
        ...await createSoftwareAttention(device, step, scratch, {
          ...{ query, kv, y: softwareActivation(y) },
          ...options,
        }),
      ];
    },

    gatedLinear: (x, weight, y, { activation }) => {
      const { numCols } = y;
      return Promise.resolve([
        createSoftwareLinear(device, step.step, {
          x,
          weight,
          part: onlyPart(weight),
          end: { end: "gated", staged: softwareActivation(y).precision },
          resources: [softwareActivation(y).staged],
          overrides: {
            ...stagedOverrides(y),
            F: numCols,
            IS_GEGLU: activation === "geglu",
          },
          numTiles: numTilesOf(numCols),
          count: PER_TOKEN,
        }),
      ]);
    },

    addLinear: async (x, weight, to, { postNorm } = {}) => {
      const staged = softwareActivation(to.normed).precision;
      if (!postNorm) {
        return [
          createSoftwareLinear(device, step.step, {
            x,
            weight,
            part: onlyPart(weight),
            end: { end: "residual", staged },
            resources: residualResources(to),
            overrides: residualOverrides(to),
            count: PER_TOKEN,
          }),
        ];
      }
      const output = scratch.buffer("output", weight.numRows);
      const normAdd = SOFTWARE_KERNELS.normAdd(staged);
      return [
        ...store(x, weight, output),
        await createDispatch(device, normAdd, normAdd.name, {
          resources: [output, postNorm.weight, ...residualResources(to)],
          overrides: { ...residualOverrides(to), POST_EPS: postNorm.eps },
          x: PER_TOKEN,
        }),
      ];
    },

    logits: (x, weight, y, options) =>
      Promise.resolve(store(x, weight, y, { ...options, onLogits: true })),

    chooseTokens: (options) =>
      createChooseTokens({
        ...options,
        device,
        step,
        numThreads: LANES,
        createScratch: (name, numCols) => scratch.buffer(name, numCols),
      }),

    ...(fusion && {
      failures: fusion.failures,
      fuseLayers: (layers) => fusion.fuse(layers),
      isFused: (shape) => fusion.isFused(shape),
    }),

    destroy() {
      activations.destroy();
      scratch.destroy();
      fusion?.destroy();
    },
  };
}

/** Bindings of kernels/lib/residual.wgsl. */
function residualResources({ hidden, norm, normed }: Residual): GpuResource[] {
  const { staged, squares } = softwareActivation(normed);
  return [hidden, norm.weight, staged, squares!];
}

function residualOverrides({ norm, normed }: Residual) {
  return { ...stagedOverrides(normed), D: normed.numCols, EPS: norm.eps };
}

/** Layers whose output another dispatch reads whole are never split: it takes a million rows. */
function onlyPart({ name, parts }: Matrix) {
  if (parts.length !== 1) {
    throw new RangeError(`${name} has ${parts.length} parts; only the head may be split`);
  }
  return parts[0]!;
}

function normHeads(
  device: GpuDevice,
  qkv: GPUBuffer,
  { query, key, eps }: NonNullable<QkvProjection["headNorms"]>,
  { numHeads, numKvHeads, headDim }: AttentionShape,
): Promise<Dispatch> {
  return createDispatch(device, SOFTWARE_KERNELS.rmsNormHeads, "rms_norm_heads", {
    resources: [qkv, query, key],
    overrides: {
      NUM_HEADS: numHeads,
      NUM_KV_HEADS: numKvHeads,
      HEAD_DIM: headDim,
      EPS: eps,
      WORKGROUP_SIZE: LANES,
    },
    x: Math.ceil((numHeads + numKvHeads) / LANES),
    y: PER_TOKEN,
  });
}
