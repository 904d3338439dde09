/**
 * The WGSL of every kernel and how it is bound. Imports nothing but WGSL; knows no device and no model.
 *
 * @module
 */
export { type GemmForm, type GemvForm, GPU_KERNELS, type GpuLinearOptions } from "./gpu/mod.ts";
export type { AssembledKernel } from "./assemble.ts";
export type { BindingKind, Elem, Kernel } from "./kernel.ts";
export { fixOverrides, type Overrides } from "./overrides.ts";
export {
  type AttentionKernelOptions,
  canNormHeads,
  canTakeRows,
  type Extent,
  fusedKernel,
  GEMM_TOKENS,
  isPairedEnd,
  type LinearKernelOptions,
  linearSuffix,
  MAX_ROW_GROUPS,
  MAX_ROW_TILES,
  phaseOverride,
  type PhaseResource,
  type Precision,
  SOFTWARE_KERNELS,
  type SubgroupLanes,
  type WeightFormat,
} from "./software/mod.ts";

/** Rises with every change of a kernel that moves its speed: times measured on other versions say nothing. */
export const KERNELS_VERSION = 10;
