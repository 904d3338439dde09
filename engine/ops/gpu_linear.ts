/**
 * Linear layers of the gpu set: which kernel for how many tokens, and how many workgroups.
 *
 * @module
 */
import { GPU_KERNELS, type GpuLinearOptions } from "../../kernels/mod.ts";
import type { Dispatch, StepShape } from "../gpu/mod.ts";
import type { BufferPart } from "./buffer_matrices.ts";
import { type Count, PER_LOGITS_ROW, PER_TOKEN } from "./dispatch.ts";
import {
  boundsOf,
  endOf,
  type GpuLinearLayer,
  isOnLogits,
  type LinearContext,
  type LinearInput,
  numEndsOf,
  overridesOf,
  resourcesOf,
} from "./gpu_linear_bindings.ts";
import { type Compiler, gemmChoices, gemmForm, gemvChoices } from "./gpu_linear_compile.ts";
import type { FormChoiceOptions, FormSlot } from "./gpu_linear_forms.ts";
import type { LinearShape } from "./gpu_shapes.ts";
import { findOrderedLanes } from "./subgroup_lanes.ts";

/** Up to this many tokens a layer norms its input itself: for more, a dispatch that does it once costs less. */
export const MAX_INLINE_TOKENS = 4;

/** Tokens of the gemv forms; above the last one, or what a layer has of them, the gemm takes over. */
const GEMV_COLUMNS = [1, 2, 4, 8, 16];

/** Tokens that a gemm is timed with: some tiles. */
const GEMM_TUNING_TOKENS = 128;

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

/** Which kernels, for batches of which sizes. */
interface Range {
  readonly norm: GpuLinearOptions["norm"];
  readonly from: number;
  /** @default any number */
  readonly to?: number;
}

/** A form for batches up to a size. */
interface SizedForm {
  readonly maxTokens: number;
  readonly slot: FormSlot;
}

async function linearPart(
  context: LinearContext,
  layer: GpuLinearLayer,
  part: BufferPart,
  { norm, from, to = Infinity }: Range,
): Promise<Dispatch> {
  const { device, choices } = context;
  const { weight: { format, elem }, output } = layer;
  const end = endOf(output);
  const compiler: Compiler = {
    device,
    kernelOf: (form) => GPU_KERNELS.linear({ format, elem, norm, end, form }),
    overrides: overridesOf(layer, part),
    numEnds: numEndsOf(output, part),
    bounds: boundsOf(layer, part, await findOrderedLanes(device)),
  };
  const shape = context.shapes.linear(layer.weight);
  // Every form of a layer has the same bindings.
  const kernel = compiler.kernelOf(gemmForm(shape));
  const bindGroup = device.bind(kernel, resourcesOf(context, layer, part, norm));
  const tuned = async (kind: string, options: Omit<FormChoiceOptions, "name">) => {
    const name = `linear ${format} ${elem} ${norm} ${end} ${kind}, ` +
      `${compiler.numEnds} x ${layer.weight.numCols}, ${part.numLanes} lanes`;
    const key = JSON.stringify([name, compiler.overrides]);
    const choice = await choices.get(key, () => ({ ...options, name }));
    choice.addLayer(bindGroup, bytesOf(part));
    return choice;
  };
  const onLogits = isOnLogits(output);
  return chooseForm(await compileForms(compiler, shape, { tuned, onLogits, from, to }), {
    kernel: `linear_${format}_${end}`,
    bindGroup,
    count: onLogits ? PER_LOGITS_ROW : PER_TOKEN,
    from,
    to,
  });
}

/** The forms for batches of `from` to `to` tokens; `tuned` makes those that can be tuned. */
function compileForms(
  compiler: Compiler,
  shape: LinearShape,
  { tuned, onLogits, from, to }: {
    tuned: (kind: string, options: Omit<FormChoiceOptions, "name">) => Promise<FormSlot>;
    onLogits: boolean;
    from: number;
    to: number;
  },
): Promise<SizedForm[]> {
  const forms: Promise<SizedForm>[] = [];
  const add = (maxTokens: number, slot: Promise<FormSlot>) => {
    forms.push(slot.then((slot) => ({ maxTokens, slot })));
  };
  // Rows of logits are as many as sequences: larger batches are rare there, and have no room to be timed in.
  const canTune = (numTokens: number) => !onLogits || numTokens === 1;
  const compileFirst = async (shapes: FormChoiceOptions["shapes"]) => {
    const [compile] = shapes.values();
    return { form: await compile!() };
  };
  for (const columns of GEMV_COLUMNS) {
    if (columns < from || columns > to) continue;
    const shapes = gemvChoices(compiler, shape, columns);
    if (shapes === null) continue;
    const name = `gemv of ${columns}`;
    add(
      columns,
      canTune(columns) ? tuned(name, { numTokens: columns, shapes }) : compileFirst(shapes),
    );
  }
  if (to === Infinity) {
    const numTokens = GEMM_TUNING_TOKENS;
    const shapes = gemmChoices(compiler, shape);
    add(
      Infinity,
      canTune(numTokens) ? tuned("gemm", { numTokens, shapes }) : compileFirst(shapes),
    );
  }
  return Promise.all(forms);
}

/** A dispatch that takes the smallest form that holds the batch, and is left out for batches that are not its own. */
function chooseForm(
  forms: readonly SizedForm[],
  options: {
    kernel: string;
    bindGroup: () => GPUBindGroup;
    count: Count;
    from: number;
    to: number;
  },
): Dispatch {
  const { kernel, bindGroup, count, from, to } = options;
  const formOf = (shape: StepShape) =>
    forms.find(({ maxTokens }) => count(shape) <= maxTokens)!.slot.form;
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

function bytesOf({ resources }: BufferPart): number {
  return resources.reduce((sum, resource) => sum + (resource as GPUBuffer).size, 0);
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
