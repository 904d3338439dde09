/**
 * What an engine can be told when it is created.
 *
 * @module
 */
import type { HubOptions, SpeculationSetting } from "../types.ts";

/** Options of {@linkcode createEngine}. */
export interface EngineOptions {
  /**
   * Directory of the user's own model packages.
   * @default "models"
   */
  modelsDir?: string;
  /**
   * Sequences that may wait for a place in the batch, per model.
   * @default 64
   */
  maxWaiting?: number;
  /**
   * Output tokens of a request that names no bound.
   * @default 500
   */
  defaultMaxTokens?: number;
  /**
   * Models that may be loaded at once. For one more, the one unused longest is unloaded; while all are busy it waits.
   * @default 2, and no bound with `memoryBudgetBytes`
   */
  maxLoadedModels?: number;
  /** Tokens a sequence may hold. Absent: all that the model can see and memory holds. */
  contextLength?: number;
  /** Sequences that run at once. Absent: the plan's choice. */
  maxSequences?: number;
  /** Whether likely tokens are guessed and checked several at a time, where that is faster; the text is the same. @default "auto" */
  speculation?: SpeculationSetting;
  /** What runs the models, `wgsl` or `web-llm`. Absent: the plan's choice for each. */
  backend?: string;
  /** Path of a compiled library for the `web-llm` backend, before the catalog's. */
  library?: string;
  /** Where models that are not on disk are downloaded from. @default the public hub */
  hub?: HubOptions;
  /**
   * Whether a model is downloaded again, at its first use, although it is on disk.
   * @default false
   */
  forceDownload?: boolean;
  /**
   * Device memory that all loaded models may take together, by their plans. Idle ones are unloaded, the one unused
   * longest first, until a new one fits; while busy ones take the room, it waits. Absent: no bound but `maxLoadedModels`, since
   * WebGPU does not tell how much there is.
   */
  memoryBudgetBytes?: number;
  /**
   * How long a model stays loaded after its last request; 0 unloads it as soon as it is idle.
   * @default Infinity: until another model needs the room
   */
  keepAliveMs?: number;
  /**
   * Folder for what can be made again: how fast models were on this machine, which plans predict from. Null keeps nothing.
   * @default `ollm` in the user's cache folder
   */
  cacheDir?: string | null;
}
