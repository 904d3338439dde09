/**
 * What will run, and why.
 *
 * @module
 */
import type { BackendName, ModelInfo } from "./models.ts";

/** Settings of a load that change what is planned. Absent fields take the engine's defaults. */
export interface RuntimeOptions {
  /** Model reference. */
  model?: string;
  /** Where to look for it: a folder below the engine's models directory. Absent: that directory. */
  modelsDir?: string;
  /** `wgsl` or `web-llm`; absent lets the engine choose. */
  backend?: string;
  /** Path of a compiled library for the `web-llm` backend, before the catalog's. */
  library?: string;
  /** Tokens a sequence may hold, at most the model's own. */
  contextLength?: number;
  /** Sequences that may run at once. */
  maxSequences?: number;
}

/** What loading a model would do: computed from the package's index and the adapter, without loading a weight. */
export interface RuntimePlan {
  /** The model as it was resolved. */
  model: ModelInfo;
  /** Backend that would run it; null when none can. */
  backend: BackendName | null;
  /** `gpu` or `software`; null when nothing can run, and on the `web-llm` backend, whose kernels are its library's. */
  kernelSet: "gpu" | "software" | null;
  /** Adapter's own description; null without an adapter. */
  adapter: string | null;
  /** Element types of weights, activations and KV cache, for example `q4f16_1`, `f32`, `f16`. */
  dtypes: { weights: string; activations: string; kv: string } | null;
  /** Bytes on the device. */
  memory: {
    /** Weights as they lie on the device. */
    weightsBytes: number;
    /** Paged KV cache of all layers; on a software adapter it comes into use by and by. */
    kvBytes: number;
    /** Activations, logits and tables of a step. */
    activationBytes: number;
    /** All three. */
    totalBytes: number;
  } | null;
  /** Tokens a sequence may hold. */
  contextLength: number | null;
  /** Paged KV cache. */
  kvBlocks: { numBlocks: number; blockSize: number } | null;
  /** Sequences that run at once. */
  maxSequences: number | null;
  /** How fast one sequence alone will be; null where nothing was measured that says so, with the reason in `reasons`. */
  prediction: RatePrediction | null;
  /** Why: one sentence for each decision, in the order they were made. */
  reasons: string[];
  /** What loading found out that no plan can know, for example that a library runs one sequence at a time. */
  remarks: string[];
}

/** Rates of one sequence alone, from what loads on this adapter measured. */
export interface RatePrediction {
  /** Tokens of the prompt that the other numbers are for. */
  numPromptTokens: number;
  /** Of that prompt. */
  prefillTokensPerSecond: number;
  /** Behind that prompt. */
  decodeTokensPerSecond: number;
  /** Of that prompt, from its first step to its first token. */
  timeToFirstTokenMs: number;
  /** One sentence: what was measured, and how it was scaled. */
  basis: string;
}

/** Whether tokens are guessed ahead: where it pays, or never. */
export type SpeculationSetting = "auto" | "off";
