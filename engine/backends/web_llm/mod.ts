/**
 * The `web-llm` backend: compiled MLC model libraries through `@mlc-ai/web-llm`, driven by our own scheduler.
 *
 * @module
 */
export { WebLlmEmbedder } from "./embedder.ts";
export { type Library, readLibrary } from "./library.ts";
export { type LibraryPlan, planLibrary } from "./library_plan.ts";
export { WebLlmRunner } from "./runner.ts";
