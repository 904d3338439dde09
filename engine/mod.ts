/**
 * The engine: runs language models in-process on Deno's WebGPU. The only door of this room.
 *
 * @example
 * ```ts
 * import { createEngine } from "./engine/mod.ts";
 *
 * const engine = createEngine();
 * const generation = await engine.generate({
 *   model: "ollm-tiny",
 *   messages: [{ role: "user", content: "List three planets" }],
 * });
 * for await (const event of generation) if (event.type === "text") console.log(event.text);
 * await engine.close();
 * ```
 *
 * @module
 */
export * from "./errors.ts";
export { parseKeepAlive } from "./keep_alive.ts";
export * from "./prompt_record.ts";
export * from "./records.ts";
export type * from "./types.ts";
export { describeOpaque } from "./store/mod.ts";
export { planNothing } from "./runtime/plan.ts";
export { createEngine, type EngineOptions } from "./runtime/engine.ts";
