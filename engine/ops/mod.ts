/**
 * Host half of the kernels: sizes in, dispatches out. A kernel set for each kind of adapter, one table of operations.
 *
 * @module
 */
import type { AdapterInfo } from "../gpu/mod.ts";
import { createBufferMatrices } from "./buffer_matrices.ts";
import { createGpuOperations, createKvBuffers, createVectorBuffers } from "./gpu_operations.ts";
import { createKvTextures } from "./kv_textures.ts";
import type { KernelSet } from "./operations.ts";
import { createSoftwareOperations } from "./software_operations.ts";
import { createVectors } from "./stacks.ts";
import { activationsOf, TILED_MATRICES } from "./tiled_matrices.ts";

export { joinRows, numGroupsOf, shapeOfMatrix } from "./matrix.ts";
export type * from "./operations.ts";

/** Storage buffers; runs on every adapter. */
export const GPU_SET: KernelSet = {
  name: "gpu",
  activationsOf: () => "f32",
  matrices: createBufferMatrices(),
  createVectors: createVectorBuffers,
  createKvCache: createKvBuffers,
  createOperations: (device, step, limits) => createGpuOperations(device, step, limits),
};

/** Storage textures and subgroups; pays where loads from storage buffers and workgroup memory are slow. */
export const SOFTWARE_SET: KernelSet = {
  name: "software",
  activationsOf,
  matrices: TILED_MATRICES,
  createVectors,
  createKvCache: createKvTextures,
  createOperations: createSoftwareOperations,
};

/** Invocations that drivers on the CPU run side by side, in order: those of a vector of the processor. */
const MIN_SUBGROUP_LANES = 4;

/** The set that suits an adapter. */
export function chooseKernelSet(
  { kind, minSubgroupSize }: Pick<AdapterInfo, "kind" | "minSubgroupSize">,
): KernelSet {
  const isSoftware = kind === "software" && minSubgroupSize >= MIN_SUBGROUP_LANES;
  return isSoftware ? SOFTWARE_SET : GPU_SET;
}

/** The set of that name. */
export function kernelSetOf(name: KernelSet["name"]): KernelSet {
  return name === "software" ? SOFTWARE_SET : GPU_SET;
}
