/**
 * What runs, counted.
 *
 * @module
 */
import type { BackendName } from "./models.ts";

/** Counters of one loaded model; all are current values unless named total. */
export interface ModelStats {
  /** Directory name or alias. */
  model: string;
  /** Requests waiting for a place in the batch. */
  numWaiting: number;
  /** Sequences in the batch. */
  numRunning: number;
  /** KV blocks of the cache. */
  numBlocks: number;
  /** KV blocks that no sequence holds. */
  numFreeBlocks: number;
  /** Forward passes so far. */
  numStepsTotal: number;
  /** Tokens sampled so far. */
  numGeneratedTokensTotal: number;
  /** Times a sequence gave its blocks back to be computed anew. */
  numPreemptionsTotal: number;
  /** Generations that ended because nobody wanted them. */
  numCancelledTotal: number;
  /** Tokens that were guessed, to be computed in one step with the token before them. */
  numDraftedTokensTotal: number;
  /** Guessed tokens that were right. */
  numAcceptedTokensTotal: number;
  /** Times the worker was started again after it died. */
  numRestartsTotal: number;
}

/** A loaded model: its counters, its memory and its end. */
export interface LoadedModelStats extends ModelStats {
  /** `loading` until it can answer; its counters are zero until then. */
  state: "loading" | "loaded";
  /** What runs it. */
  backend: BackendName;
  /** Bytes on the device by its plan; null where the plan knows none. */
  memoryBytes: number | null;
  /** When it will be unloaded, Unix ms; null while it works, and where it stays until another model needs the room. */
  unloadAt: number | null;
}
