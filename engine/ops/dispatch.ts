/**
 * From a kernel and its resources to a dispatch of the recorded step.
 *
 * @module
 */
import type { Elem, Kernel } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource, Overrides, StepShape } from "../gpu/mod.ts";

/** A number of workgroups, by the step's shape. */
export type Count = (shape: StepShape) => number;

/** T. */
export const PER_TOKEN: Count = (shape) => shape.numTokens;

/** L. */
export const PER_LOGITS_ROW: Count = (shape) => shape.numLogits;

/** Options of {@linkcode createDispatch}. */
export interface DispatchOptions {
  /** In the order of the kernel's bindings. */
  readonly resources: readonly GpuResource[];
  readonly overrides: Overrides;
  readonly elem?: Elem;
  /** Workgroups along x. */
  readonly x: number | Count;
  /** Workgroups along y. @default 1 */
  readonly y?: Count;
}

/** Compiles the entry point, or takes it from before, and binds the resources. */
export async function createDispatch(
  device: GpuDevice,
  kernel: Kernel,
  entry: string,
  { resources, overrides, elem, x, y = () => 1 }: DispatchOptions,
): Promise<Dispatch> {
  const pipeline = await device.pipeline(kernel, entry, overrides, elem);
  return {
    kernel: entry,
    bindGroup: device.bind(kernel, resources),
    pipeline: () => pipeline,
    workgroupsX: typeof x === "number" ? () => x : x,
    workgroupsY: y,
  };
}

/** Options of {@linkcode createLinearDispatch}. */
export interface LinearDispatchOptions {
  readonly resources: readonly GpuResource[];
  readonly overrides: Overrides;
  readonly elem?: Elem;
  /** Workgroups along the rows. */
  readonly x: number;
  /** Tokens of the batch. */
  readonly count: Count;
}

/** Tokens of a tile of every `…_gemm` kernel. */
const NUM_TILE_TOKENS = 4;

/** A layer with an entry point for one token, `…_gemv`, and one for tiles of four, `…_gemm`. */
export async function createLinearDispatch(
  device: GpuDevice,
  kernel: Kernel,
  { resources, overrides, elem, x, count }: LinearDispatchOptions,
): Promise<Dispatch> {
  const [gemv, gemm] = await Promise.all(
    kernel.entries.map((entry) => device.pipeline(kernel, entry, overrides, elem)),
  );
  return {
    kernel: kernel.name,
    bindGroup: device.bind(kernel, resources),
    pipeline: (shape) => count(shape) === 1 ? gemv! : gemm!,
    workgroupsX: () => x,
    workgroupsY(shape) {
      const numTokens = count(shape);
      return numTokens === 1 ? 1 : Math.ceil(numTokens / NUM_TILE_TOKENS);
    },
  };
}

/** Overrides that lib/linear.wgsl asks for. */
export function linearOverrides(
  weight: { numCols: number; numRows: number },
  part: { numRows: number; rowOffset: number },
  options: { bias?: GPUBuffer; accumulate?: boolean; onLogits?: boolean; softCap?: number },
): Record<string, number | boolean> {
  return {
    K: weight.numCols,
    N: weight.numRows,
    NUM_ROWS: part.numRows,
    ROW_OFFSET: part.rowOffset,
    HAS_BIAS: options.bias !== undefined,
    ACCUMULATE: options.accumulate ?? false,
    ON_LOGITS: options.onLogits ?? false,
    SOFT_CAP: options.softCap ?? 0,
  };
}
