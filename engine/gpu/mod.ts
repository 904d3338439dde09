/**
 * Device, limits, buffers, pipelines, readback, timestamps. Imports only kernels/ and errors.
 *
 * @module
 */
export { compileAside } from "./compile_aside.ts";
export type { Overrides } from "../../kernels/mod.ts";
export { type AdapterInfo, type AdapterKind, inspectAdapter } from "./adapter.ts";
export * from "./device.ts";
export * from "./fast_waits.ts";
export * from "./pass_timer.ts";
export * from "./readback.ts";
export * from "./recording.ts";
export * from "./resources.ts";
export * from "./timestamps.ts";
export * from "./software_threads.ts";
