/**
 * Model references → packages on disk. Reads directory entries, JSON and file sizes; never weights, never the network.
 *
 * @module
 */
export { BUILTIN_MODELS } from "./builtin.ts";
export { describeOpaque } from "./opaque.ts";
export { listModels, resolveModel, type StoreOptions } from "./resolve.ts";
