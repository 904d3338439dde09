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
import type { Dispatch, Overrides, StepShape } from "../gpu/mod.ts";
import type { BufferPart } from "./buffer_matrices.ts";
import { type Count, PER_LOGITS_ROW, PER_TOKEN } from "./dispatch.ts";
import {
  endOf,
  type GpuLinearLayer,
  isOnLogits,
  type LinearContext,
  type LinearInput,
  type LinearOutput,
  numEndsOf,
  overridesOf,
  resourcesOf,
} from "./gpu_linear_bindings.ts";
import type { LinearShape } from "./gpu_shapes.ts";

/** Up to this many tokens a layer norms its input itself: for more, a dispatch that does it once costs less. */
export const MAX_INLINE_TOKENS = 4;

/** Tokens of the gemv forms; above the last one, or what a layer has of them, the gemm takes over. */
const GEMV_COLUMNS = [1, 2, 4, 8, 16];

/** WebGPU's bound for each dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

const GEMM_TOKEN_LANES = 8;
const ROWS_PER_QUAD = 4;

/** Sums that an invocation holds in variables. */
const MAX_SUMS = 32;

/** Lanes and blocks of rows of a workgroup that takes several tokens; more would exceed 16 KiB of workgroup memory. */
const MAX_BATCH_THREADS = 64;

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
  { device, shapes, ...rest }: LinearContext,
  layer: GpuLinearLayer,
  part: BufferPart,
  { norm, from, to = Infinity }: Range,
): Promise<Dispatch> {
  const { weight, output } = layer;
  const { format, elem } = weight;
  const end = endOf(output);
  const numEnds = numEndsOf(output, part);
  const shape = shapes.linear(weight);
  const overrides = overridesOf(layer, part);
  const kernelOf = (form: GemvForm | GemmForm) =>
    GPU_KERNELS.linear({ format, elem, norm, end, form });
  const compile = async (
    maxTokens: number,
    kernel: Kernel,
    own: Overrides,
    workgroups: Form["workgroups"],
  ): Promise<Form> => {
    const pipeline = await device.pipeline(kernel, kernel.name, { ...overrides, ...own });
    return { maxTokens, pipeline, workgroups };
  };
  const forms: Promise<Form>[] = [];
  for (const columns of GEMV_COLUMNS) {
    const own = gemvShape(shape, columns, { numLanes: part.numLanes, output });
    if (columns < from || columns > to || own === null) continue;
    const numWorkgroups = Math.ceil(numEnds / own.rows / own.rowThreads);
    const x = Math.min(numWorkgroups, MAX_WORKGROUPS);
    const y = Math.ceil(numWorkgroups / x);
    const { rowThreads, ...form } = own;
    const kernel = kernelOf({ kind: "gemv", columns, ...form });
    forms.push(compile(columns, kernel, { ROW_THREADS: rowThreads }, () => [x, y]));
  }
  const gemm = gemmForm(shape);
  if (to === Infinity) {
    const x = Math.ceil(numEnds / (ROWS_PER_QUAD * gemm.rowLanes));
    const tile = GEMM_TOKEN_LANES * gemm.columns;
    forms.push(compile(Infinity, kernelOf(gemm), {}, (t) => [x, Math.ceil(t / tile)]));
  }
  return chooseForm(await Promise.all(forms), {
    kernel: `linear_${format}_${end}`,
    // Every form of a layer has the same bindings.
    bindGroup: device.bind(
      kernelOf(gemm),
      resourcesOf({ device, shapes, ...rest }, layer, part, norm),
    ),
    count: isOnLogits(output) ? PER_LOGITS_ROW : PER_TOKEN,
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

/** Rows and blocks of a gemv: the tuned ones for a single token, else as many rows as variables allow; null if too few. */
function gemvShape(
  shape: LinearShape,
  columns: number,
  { numLanes, output }: { numLanes: number; output: LinearOutput },
): Pick<LinearShape, "rows" | "rowThreads" | "hasSubgroups"> | null {
  const minRows = output.kind === "rope" ? 2 : 1; // neighbouring rows end together there
  const { rows, rowThreads, hasSubgroups } = shape;
  if (columns === 1) {
    return { rows: Math.max(rows, minRows) as typeof rows, rowThreads, hasSubgroups };
  }
  const numBlocks = output.kind === "rope" || output.kind === "gated" ? 2 : 1;
  const maxRows = Math.min(4, MAX_SUMS / columns / numBlocks) as typeof rows;
  if (maxRows < minRows) return null;
  const maxThreads = Math.max(1, Math.floor(MAX_BATCH_THREADS / numLanes));
  return { rows: maxRows, rowThreads: Math.min(rowThreads, maxThreads), hasSubgroups: false };
}

function gemmForm({ gemmColumns, gemmRowLanes }: LinearShape): GemmForm {
  return { kind: "gemm", columns: gemmColumns, rowLanes: gemmRowLanes };
}

async function normStage(
  { device, step }: LinearContext,
  { weight, output }: GpuLinearLayer,
  input: LinearInput & { kind: "normed" },
  numLanes: number,
): Promise<Dispatch> {
  const kernel = GPU_KERNELS.normStage;
  const onLogits = isOnLogits(output);
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
