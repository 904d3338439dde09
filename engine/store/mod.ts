/**
 * Model references → packages on disk. Reads directory entries, JSON and file sizes; never weights, and the network only in
 * `download/`.
 *
 * @module
 */
export { BUILTIN_MODELS } from "./builtin.ts";
export { LIBRARY_ENDPOINT } from "./prebuilt.ts";
export { lacksLibrary } from "./library.ts";
export { listModels } from "./list.ts";
export { describeOpaque } from "./opaque.ts";
export { removeModel } from "./remove.ts";
export { resolveModel, type StoreOptions } from "./resolve.ts";
