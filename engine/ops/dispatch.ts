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
