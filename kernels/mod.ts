/**
 * The WGSL of every kernel and how it is bound. Imports nothing but WGSL; knows no device and no model.
 *
 * @module
 */
export { GPU_KERNELS } from "./gpu/mod.ts";
export type { BindingKind, Elem, Kernel } from "./kernel.ts";
export { SOFTWARE_KERNELS } from "./software/mod.ts";
