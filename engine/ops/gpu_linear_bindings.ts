/**
 * What a linear layer of the gpu set reads and writes, and the numbers that make it this layer.
 *
 * @module
 */
import type { GpuLinearOptions } from "../../kernels/mod.ts";
import type { GpuDevice, GpuResource, Overrides } from "../gpu/mod.ts";
import type { BufferPart } from "./buffer_matrices.ts";
import type { FormChoices } from "./gpu_linear_forms.ts";
import type { GpuShapes, LayerBounds } from "./gpu_shapes.ts";
import type { AttentionOptions, KvLayer, Matrix, StepBuffers } from "./operations.ts";

const GROUP_COLUMNS = 32;

/** What every layer of a model shares. */
export interface LinearContext {
  readonly device: GpuDevice;
  readonly step: StepBuffers;
  readonly shapes: GpuShapes;
  /** Takes the forms that can be tuned. */
  readonly choices: FormChoices;
  /** Bound where nothing is read. */
  readonly unused: GPUBuffer;
  /** Takes buffers that live as long as the model. */
  readonly owned: GPUBuffer[];
}

/** Where a layer reads its input. */
export type LinearInput =
  | { readonly kind: "plain"; readonly x: GPUBuffer }
  | {
    readonly kind: "normed";
    /** [T, K], the residual stream. */
    readonly hidden: GPUBuffer;
    /** [K]. */
    readonly gamma: GpuResource;
    readonly eps: number;
    /** What norm_stage leaves for it. */
    readonly staged: GPUBuffer;
    readonly factors: GPUBuffer;
  };

/** What becomes of a layer's sums. */
export type LinearOutput =
  | {
    readonly kind: "store";
    /** [T, N], or [L, N] on logits. */
    readonly y: GPUBuffer;
    /** [N] f32. */
    readonly bias?: GpuResource;
    /** y stays within ±softCap. */
    readonly softCap?: number;
    /** The batch is the step's logits rows instead of its tokens. */
    readonly onLogits?: boolean;
  }
  | { readonly kind: "add"; readonly y: GPUBuffer }
  | { readonly kind: "gated"; readonly y: GPUBuffer; readonly isGeglu: boolean }
  | {
    readonly kind: "rope";
    /** [T, H C]. */
    readonly query: GPUBuffer;
    readonly kv: KvLayer;
    /** [(H + 2 KH) C] f32. */
    readonly bias?: GpuResource;
    readonly cosSin: GPUBuffer;
    readonly sizes: Pick<AttentionOptions, "numHeads" | "numKvHeads" | "headDim" | "rotaryDim">;
  };

/** A layer. */
export interface GpuLinearLayer {
  readonly input: LinearInput;
  readonly weight: Matrix;
  readonly output: LinearOutput;
}

/** The kernels' name of an output. */
export function endOf(output: LinearOutput): GpuLinearOptions["end"] {
  return output.kind === "rope" ? `rope_${output.kv.elem}` : output.kind;
}

/** Rows of w that one end joins. */
function numBlocksOf({ kind }: LinearOutput): number {
  return kind === "gated" || kind === "rope" ? 2 : 1;
}

/** What bounds the shapes of a part's kernels. */
export function boundsOf(
  { output, weight: { format } }: GpuLinearLayer,
  { numLanes }: BufferPart,
  orderedLanes: number,
): LayerBounds {
  return {
    numLanes,
    orderedLanes,
    numBlocks: numBlocksOf(output),
    minRows: output.kind === "rope" ? 2 : 1, // neighbours end together
    format,
  };
}

/** Whether the batch is the step's logits rows. */
export function isOnLogits(output: LinearOutput): boolean {
  return output.kind === "store" && output.onLogits === true;
}

/** Ends of a part: two rows of it are one where they are joined. */
export function numEndsOf(output: LinearOutput, part: BufferPart): number {
  return part.numRows / numBlocksOf(output);
}

/** Numbers of the layer, whatever form its kernel has. */
export function overridesOf({ input, weight, output }: GpuLinearLayer, part: BufferPart) {
  return {
    K: weight.numCols,
    K_THREADS: part.numLanes,
    ON_LOGITS: isOnLogits(output),
    HAS_TAIL: weight.numCols % GROUP_COLUMNS !== 0,
    EPS: input.kind === "normed" ? input.eps : 0,
    ...endOverrides(output),
  };
}

function endOverrides(output: LinearOutput): Overrides {
  switch (output.kind) {
    case "store":
      return { HAS_BIAS: output.bias !== undefined, SOFT_CAP: output.softCap ?? 0 };
    case "add":
      return {};
    case "gated":
      return { IS_GEGLU: output.isGeglu };
    case "rope": {
      const { bias, sizes } = output;
      return {
        HAS_BIAS: bias !== undefined,
        NUM_HEADS: sizes.numHeads,
        NUM_KV_HEADS: sizes.numKvHeads,
        HEAD_DIM: sizes.headDim,
        ROTARY_DIM: sizes.rotaryDim,
      };
    }
  }
}

/** In the order of the kernel's bindings. */
export function resourcesOf(
  context: LinearContext,
  layer: GpuLinearLayer,
  part: BufferPart,
  norm: GpuLinearOptions["norm"],
): GpuResource[] {
  const { step } = context;
  const { input, output } = layer;
  const before = () => {
    if (input.kind === "plain") return [input.x];
    if (norm === "staged") return [input.staged, input.factors];
    return [input.hidden, input.gamma, ...(output.kind === "store" ? [step.logitsRows] : [])];
  };
  return [
    step.step,
    createParams(context, layer, part),
    ...before(),
    ...part.resources,
    ...outputResources(context, output),
  ];
}

function outputResources({ step, unused }: LinearContext, output: LinearOutput): GpuResource[] {
  switch (output.kind) {
    case "store":
      return [output.bias ?? unused, output.y];
    case "add":
    case "gated":
      return [output.y];
    case "rope": {
      const { bias = unused, cosSin, query, kv } = output;
      return [bias, step.tokens, cosSin, query, kv.keys, kv.values];
    }
  }
}

/** `Params` of kernels/gpu/linear_params.wgsl. */
function createParams(
  { device, owned }: LinearContext,
  { weight, output }: GpuLinearLayer,
  part: BufferPart,
): GPUBuffer {
  const numEnds = numEndsOf(output, part);
  const n = output.kind === "gated" ? numEnds : weight.numRows;
  const data = new Uint32Array([n, part.numRows, numEnds, part.rowOffset]);
  const buffer = device.createBuffer("linear params", data.byteLength, GPUBufferUsage.UNIFORM);
  device.writeBuffer(buffer, data);
  owned.push(buffer);
  return buffer;
}
