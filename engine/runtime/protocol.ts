/**
 * Messages between an engine and the worker that runs one of its models. Plain objects: they cross isolates.
 *
 * @module
 */
import type { ErrorRecord } from "../errors.ts";
import type {
  BackendName,
  Embeddings,
  EmbedRequest,
  GenerationEvent,
  GenerationRequest,
  ModelInfo,
  ModelStats,
  SpeculationSetting,
  TokenizeRequest,
} from "../types.ts";

/** What a worker needs to load its model. */
export interface LoadOptions {
  /** Model reference, for messages. */
  model: string;
  /** Directory of the package. */
  dir: string;
  /** What the model does. */
  task: ModelInfo["task"];
  /** What runs it. */
  backend: BackendName;
  /** Path of its compiled library; null where there is none. */
  library: string | null;
  /** Where to keep how fast it is; absent measures nothing. */
  cacheDir?: string;
  maxWaiting: number;
  defaultMaxTokens: number;
  contextLength?: number;
  maxSequences?: number;
  /** Whether tokens are drafted. @default "auto" */
  speculation?: SpeculationSetting;
}

/** To the worker. `load` comes first and once; ids are chosen by the sender. */
export type WorkerRequest =
  | { type: "load"; options: LoadOptions }
  | { type: "generate"; id: number; request: GenerationRequest }
  | { type: "embed"; id: number; inputs: EmbedRequest["inputs"] }
  /** Ends a generation, or an embedding between two batches. */
  | { type: "cancel"; id: number }
  | { type: "tokenize"; id: number; request: TokenizeRequest }
  | { type: "detokenize"; id: number; tokens: number[] }
  | { type: "stats"; id: number }
  /** Answered by `pong` between two steps. */
  | { type: "ping" };

/** A model's counters, as far as its worker knows them. */
export type WorkerStats = Omit<ModelStats, "numRestartsTotal">;

/** What a worker answers to a question. */
export type WorkerAnswer = WorkerStats | Embeddings | number[] | string;

/** From the worker. */
export type WorkerReply =
  | { type: "progress"; share: number; stage: string }
  /** With what loading found out that no plan can know. */
  | { type: "loaded"; remarks: string[] }
  | { type: "accepted"; id: number; numPromptTokens: number }
  | { type: "events"; events: [id: number, event: GenerationEvent][] }
  | { type: "pong" }
  | { type: "answer"; id: number; value: WorkerAnswer }
  /** Ends the request or generation `id`. */
  | { type: "error"; id: number; error: ErrorRecord }
  /** Loading failed, or the device was lost: the worker is of no more use. */
  | { type: "failed"; error: ErrorRecord };
