/**
 * Host half of the kernels: sizes in, dispatches out. A kernel set per kind of adapter, one table of operations.
 *
 * @module
 */
import type { AdapterKind, GpuDevice } from "../gpu/mod.ts";
import { createGpuOperations } from "./gpu_operations.ts";
import type { Operations, StepBuffers } from "./operations.ts";

export * from "./matrix.ts";
export * from "./operations.ts";
export { attentionWorkgroupSize } from "./gpu_operations.ts";

/** Names of the kernel sets. `software` has no entry yet: the `gpu` set runs there too, in shapes that suit it. */
export type KernelSet = "gpu";

/** Each kernel set's factory. */
export const KERNEL_SETS: Record<
  KernelSet,
  (device: GpuDevice, step: StepBuffers, kind?: AdapterKind) => Operations
> = {
  gpu: createGpuOperations,
};

/** The set that suits an adapter. */
export function chooseKernelSet(_kind: AdapterKind): KernelSet {
  return "gpu";
}
