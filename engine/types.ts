/**
 * The engine's public vocabulary: what goes in, what comes out. Types only; nothing here runs.
 *
 * @module
 */
export type * from "./types/chat.ts";
export type * from "./types/generation.ts";
export type * from "./types/models.ts";
export type * from "./types/plan.ts";
export type * from "./types/stats.ts";
export type * from "./types/engine.ts";
