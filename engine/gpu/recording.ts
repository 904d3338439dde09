/**
 * A step, recorded once as a flat list of dispatches and replayed with other token counts: a replay creates nothing.
 *
 * @module
 */
import type { TimestampTrace } from "./timestamps.ts";

/** Sizes of one step. */
export interface StepShape {
  /** Tokens in the ragged batch, at least 1. */
  numTokens: number;
  /** Rows that want logits. */
  numLogits: number;
  /** Positions that a token sees at most, rounded up: a sequence that grows keeps its shape for many steps. */
  contextLength: number;
  /** Whether dispatches of several layers run on one thread, where they could on more. @default false */
  isSolo?: boolean;
}

/** What {@linkcode StepShape.contextLength} is rounded to. */
const CONTEXT_STEP = 256;

/** The context length of a step whose last position is `maxPosition`. */
export function roundContextLength(maxPosition: number): number {
  return Math.ceil((maxPosition + 1) / CONTEXT_STEP) * CONTEXT_STEP;
}

/** One kernel launch of the recorded step. */
export interface Dispatch {
  /** Kernel name, for traces. */
  readonly kernel: string;
  /** What it reads and writes. */
  bindGroup(): GPUBindGroup;
  /** Compiles the entry point that suits the shape best; absent where all are compiled. Others take its place until then. */
  prepare?(shape: StepShape): Promise<void>;
  /** Has the driver compile on another thread what {@linkcode prepare} would wait for, where it may take seconds; else null. */
  compileAside?(shape: StepShape): Promise<void> | null;
  /** The entry point that suits the shape best, of those that are compiled. */
  pipeline(shape: StepShape): GPUComputePipeline;
  /** Workgroups along x; 0 leaves the dispatch out. */
  workgroupsX(shape: StepShape): number;
  /** Workgroups along y; 0 leaves the dispatch out. */
  workgroupsY(shape: StepShape): number;
}

/** Encodes the dispatches into one compute pass; with a trace, into one timed pass each. */
export function replay(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  shape: StepShape,
  trace?: TimestampTrace,
): void {
  if (!trace) {
    const pass = encoder.beginComputePass({ label: "step" });
    encodeDispatches(pass, dispatches, shape);
    pass.end();
    return;
  }
  for (const dispatch of dispatches) {
    if (dispatch.workgroupsX(shape) === 0 || dispatch.workgroupsY(shape) === 0) continue;
    const pass = encoder.beginComputePass(trace.nextPass(dispatch.kernel));
    encodeDispatches(pass, [dispatch], shape);
    pass.end();
  }
}

/** Encodes the dispatches that have workgroups in this shape. */
export function encodeDispatches(
  pass: GPUComputePassEncoder,
  dispatches: readonly Dispatch[],
  shape: StepShape,
): void {
  let bound: GPUComputePipeline | null = null;
  for (const dispatch of dispatches) {
    const x = dispatch.workgroupsX(shape);
    const y = dispatch.workgroupsY(shape);
    if (x === 0 || y === 0) continue;
    const pipeline = dispatch.pipeline(shape);
    if (pipeline !== bound) pass.setPipeline(pipeline);
    bound = pipeline;
    pass.setBindGroup(0, dispatch.bindGroup());
    pass.dispatchWorkgroups(x, y);
  }
}
