/**
 * Host half of the kernels: sizes in, dispatches out. A kernel set for each kind of adapter, one table of operations.
 *
 * @module
 */
import type { AdapterKind } from "../gpu/mod.ts";
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

/** Storage textures; runs on every adapter, and pays where loads from storage buffers are slow. */
export const SOFTWARE_SET: KernelSet = {
  name: "software",
  activationsOf,
  matrices: TILED_MATRICES,
  createVectors,
  createKvCache: createKvTextures,
  createOperations: createSoftwareOperations,
};

/** The set that suits an adapter. */
export function chooseKernelSet(kind: AdapterKind): KernelSet {
  return kind === "software" ? SOFTWARE_SET : GPU_SET;
}
