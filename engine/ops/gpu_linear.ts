/**
 * Linear layers of the gpu set: which kernel for how many tokens, and how many workgroups.
 *
 * @module
 */
import {
  type GemmForm,
  type GemvForm,
  GPU_KERNELS,
  type GpuLinearOptions,
  type Kernel,
} from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource, Overrides, StepShape } from "../gpu/mod.ts";
import type { BufferPart } from "./buffer_matrices.ts";
import { type Count, PER_LOGITS_ROW, PER_TOKEN } from "./dispatch.ts";
import type { GpuShapes, LinearShape } from "./gpu_shapes.ts";
import type { Matrix, StepBuffers } from "./operations.ts";

/** Up to this many tokens a layer norms its input itself: for more, a dispatch that does it once costs less. */
export const MAX_INLINE_TOKENS = 4;

/** Above these the gemm takes over. */
const MAX_GEMV_TOKENS = 16;

/** WebGPU's bound for each dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

const GEMM_TOKEN_LANES = 8;
const ROWS_PER_QUAD = 4;
const GROUP_COLUMNS = 32;

/** Sums that an invocation holds in variables. */
const MAX_SUMS = 32;

/** Lanes and blocks of rows of a workgroup that takes several tokens; more would exceed 16 KiB of workgroup memory. */
const MAX_BATCH_THREADS = 64;

/** Where a layer reads its input. */
export type LinearInput =
  | { readonly kind: "plain"; readonly x: GPUBuffer }
  | {
    readonly kind: "normed";
    /** [T, K], the residual stream. */
    readonly hidden: GPUBuffer;
    /** [K]. */
    readonly gamma: GPUBuffer;
    readonly eps: number;
    /** What norm_stage leaves for it. */
    readonly staged: GPUBuffer;
    readonly factors: GPUBuffer;
  };

/** Options of {@linkcode createGpuLinear}. */
export interface GpuLinearLayer {
  readonly input: LinearInput;
  readonly weight: Matrix;
  readonly end: GpuLinearOptions["end"];
  readonly y: GPUBuffer;
  /** Which activation; end `gated` only. */
  readonly isGeglu?: boolean;
  /** y stays within ±softCap; end `store` only. */
  readonly softCap?: number;
  /** [N] f32; end `store` only. */
  readonly bias?: GPUBuffer;
  /** The batch is the step's logits rows instead of its tokens. */
  readonly onLogits?: boolean;
}

/** What every layer of a model shares. */
export interface LinearContext {
  readonly device: GpuDevice;
  readonly step: StepBuffers;
  readonly shapes: GpuShapes;
  /** Bound where nothing is read. */
  readonly unused: GPUBuffer;
  /** Takes buffers that live as long as the model. */
  readonly owned: GPUBuffer[];
}

/** A layer, one or two dispatches for each part of its weights, and its norm in front where there is one. */
export async function createGpuLinear(
  context: LinearContext,
  layer: GpuLinearLayer,
): Promise<Dispatch[]> {
  const { input, weight } = layer;
  const parts = weight.parts as readonly BufferPart[];
  if (input.kind === "plain") {
    return await Promise.all(
      parts.map((part) => linearPart(context, layer, part, { norm: "none", from: 1 })),
    );
  }
  const inline = parts.map((part) =>
    linearPart(context, layer, part, { norm: "inline", from: 1, to: MAX_INLINE_TOKENS })
  );
  const from = MAX_INLINE_TOKENS + 1;
  const staged = parts.map((part) => linearPart(context, layer, part, { norm: "staged", from }));
  const norm = normStage(context, layer, input, parts[0]!.numLanes);
  return await Promise.all([...inline, norm, ...staged]);
}

/** A kernel form for batches up to a size. */
interface Form {
  readonly maxTokens: number;
  readonly pipeline: GPUComputePipeline;
  readonly workgroups: (numTokens: number) => [x: number, y: number];
}

/** Which kernels, for batches of which sizes. */
interface Range {
  readonly norm: GpuLinearOptions["norm"];
  readonly from: number;
  /** @default any number */
  readonly to?: number;
}

async function linearPart(
  context: LinearContext,
  layer: GpuLinearLayer,
  part: BufferPart,
  { norm, from, to = Infinity }: Range,
): Promise<Dispatch> {
  const { device } = context;
  const { weight, end, onLogits = false } = layer;
  const { format, elem } = weight;
  const numEnds = end === "gated" ? part.numRows / 2 : part.numRows;
  const shape = context.shapes.linear(weight);
  const overrides = {
    K_THREADS: part.numLanes,
    ON_LOGITS: onLogits,
    HAS_TAIL: weight.numCols % GROUP_COLUMNS !== 0,
    ...(end === "store" ? { HAS_BIAS: layer.bias !== undefined } : {}),
    ...(end === "gated" ? { IS_GEGLU: layer.isGeglu ?? false } : {}),
  };
  const kernelOf = (form: GemvForm | GemmForm) =>
    GPU_KERNELS.linear({ format, elem, norm, end, form });
  const forms: Promise<Form>[] = [];
  for (const columns of [1, 2, 4, 8, MAX_GEMV_TOKENS]) {
    if (columns < from || columns > to) continue;
    const own = gemvShape(shape, columns, { numLanes: part.numLanes, isPair: end === "gated" });
    const kernel = kernelOf({ kind: "gemv", columns, ...own });
    const numWorkgroups = Math.ceil(numEnds / own.rows / own.rowThreads);
    const x = Math.min(numWorkgroups, MAX_WORKGROUPS);
    const y = Math.ceil(numWorkgroups / x);
    forms.push(compile(columns, kernel, { ROW_THREADS: own.rowThreads }, () => [x, y]));
  }
  if (to > MAX_GEMV_TOKENS) {
    const { gemmRowLanes } = context.shapes;
    const columns = shape.gemmColumns;
    const x = Math.ceil(numEnds / (ROWS_PER_QUAD * gemmRowLanes));
    const tile = GEMM_TOKEN_LANES * columns;
    forms.push(
      compile(Infinity, kernelOf({ kind: "gemm", columns, rowLanes: gemmRowLanes }), {}, (t) => [
        x,
        Math.ceil(t / tile),
      ]),
    );
  }

  async function compile(
    maxTokens: number,
    kernel: Kernel,
    own: Overrides,
    workgroups: Form["workgroups"],
  ): Promise<Form> {
    const pipeline = await device.pipeline(kernel, kernel.name, { ...overrides, ...own });
    return { maxTokens, pipeline, workgroups };
  }

  // Every form of a layer has the same bindings.
  const kernel = kernelOf({
    kind: "gemm",
    columns: shape.gemmColumns,
    rowLanes: context.shapes.gemmRowLanes,
  });
  return chooseForm(await Promise.all(forms), {
    kernel: `linear_${format}_${end}`,
    bindGroup: device.bind(kernel, resourcesOf(context, layer, part, norm)),
    count: onLogits ? PER_LOGITS_ROW : PER_TOKEN,
    from,
    to,
  });
}

/** A dispatch that takes the smallest form that holds the batch, and is left out for batches that are not its own. */
function chooseForm(
  forms: readonly Form[],
  options: {
    kernel: string;
    bindGroup: GPUBindGroup;
    count: Count;
    from: number;
    to: number;
  },
): Dispatch {
  const { kernel, bindGroup, count, from, to } = options;
  const formOf = (shape: StepShape) => forms.find(({ maxTokens }) => count(shape) <= maxTokens)!;
  const isOwn = (shape: StepShape) => count(shape) >= from && count(shape) <= to;
  const workgroups = (shape: StepShape, dimension: 0 | 1) =>
    isOwn(shape) ? formOf(shape).workgroups(count(shape))[dimension] : 0;
  return {
    kernel,
    bindGroup,
    pipeline: (shape) => formOf(shape).pipeline,
    workgroupsX: (shape) => workgroups(shape, 0),
    workgroupsY: (shape) => workgroups(shape, 1),
  };
}

/** Rows and blocks of a gemv: the tuned ones for a single token, else as many rows as variables allow. */
function gemvShape(
  shape: LinearShape,
  columns: number,
  { numLanes, isPair }: { numLanes: number; isPair: boolean },
): { rows: number; rowThreads: number; hasSubgroups: boolean } {
  if (columns === 1) return shape;
  const rows = Math.min(4, MAX_SUMS / columns / (isPair ? 2 : 1));
  const maxThreads = Math.max(1, Math.floor(MAX_BATCH_THREADS / numLanes));
  return { rows, rowThreads: Math.min(shape.rowThreads, maxThreads), hasSubgroups: false };
}

/** In the order of the kernel's bindings. */
function resourcesOf(
  context: LinearContext,
  layer: GpuLinearLayer,
  part: BufferPart,
  norm: GpuLinearOptions["norm"],
): GpuResource[] {
  const { step, unused } = context;
  const { input, end, y, bias = unused } = layer;
  const before = () => {
    if (input.kind === "plain") return [input.x];
    if (norm === "inline") return [input.hidden, input.gamma, step.logitsRows];
    return [input.staged, input.factors];
  };
  return [
    step.step,
    createParams(context, layer, part),
    ...before(),
    ...part.resources,
    ...(end === "store" ? [bias] : []),
    y,
  ];
}

/** `Params` of kernels/gpu/linear_params.wgsl. */
function createParams(
  { device, owned }: LinearContext,
  { input, weight, end, softCap = 0 }: GpuLinearLayer,
  { numRows, rowOffset }: BufferPart,
): GPUBuffer {
  const numEnds = end === "gated" ? numRows / 2 : numRows;
  const n = end === "gated" ? numEnds : weight.numRows;
  const data = new DataView(new ArrayBuffer(32));
  const sizes = [weight.numCols, n, numRows, numEnds, rowOffset, end === "gated" ? numEnds : 0];
  sizes.forEach((size, i) => data.setUint32(4 * i, size, true));
  data.setFloat32(24, input.kind === "normed" ? input.eps : 0, true);
  data.setFloat32(28, softCap, true);
  const buffer = device.createBuffer("linear params", data.byteLength, GPUBufferUsage.UNIFORM);
  device.writeBuffer(buffer, data);
  owned.push(buffer);
  return buffer;
}

async function normStage(
  { device, step }: LinearContext,
  { weight, onLogits = false }: GpuLinearLayer,
  input: LinearInput & { kind: "normed" },
  numLanes: number,
): Promise<Dispatch> {
  const kernel = GPU_KERNELS.normStage;
  const entry = onLogits ? "norm_stage_gather" : "norm_stage";
  const pipeline = await device.pipeline(kernel, entry, {
    K: weight.numCols,
    K_THREADS: numLanes,
    EPS: input.eps,
  });
  const count = onLogits ? PER_LOGITS_ROW : PER_TOKEN;
  return {
    kernel: entry,
    bindGroup: device.bind(kernel, [
      input.hidden,
      input.gamma,
      input.staged,
      input.factors,
      step.logitsRows,
    ]),
    pipeline: () => pipeline,
    workgroupsX: (shape) => count(shape) > MAX_INLINE_TOKENS ? count(shape) : 0,
    workgroupsY: () => 1,
  };
}
