/**
 * The one interface that a backend implements. The scheduler, sampler and text rooms never know which one runs.
 *
 * @module
 */

/** One sequence's share of a step. */
export interface RunnerEntry {
  /** Which sequence; unique for as long as the model is loaded. */
  readonly sequence: number;
  /** Tokens to compute, at least one. */
  readonly tokens: readonly number[];
  /** Position of the first of them: as many tokens are in the KV cache already. */
  readonly firstPosition: number;
  /** The sequence's KV blocks in order; they hold every position up to the last of `tokens`. */
  readonly blocks: readonly number[];
  /**
   * How many of its last tokens want logits: none where more of a prompt follows, one for the next token, more where the last
   * ones are drafts.
   */
  readonly numLogits: number;
}

/** What a runner can take. */
export interface RunnerLimits {
  /** Tokens of all entries of one step together. */
  readonly maxStepTokens: number;
  /** Entries of one step. */
  readonly maxSequences: number;
  /** Logits rows of all entries of one step together; at least one for each entry. */
  readonly maxLogitsRows: number;
  /** Tokens a sequence may hold. */
  readonly contextLength: number;
  /** Blocks of the paged KV cache. */
  readonly numBlocks: number;
  /** Token slots of a block. */
  readonly blockSize: number;
  /** Length of a logits row. */
  readonly vocabSize: number;
  /** Whether a block that one sequence filled can be read by another; the prefix cache needs it. */
  readonly canShareBlocks: boolean;
  /** Whether a sequence may go on from before its last tokens, as it must where drafts are rejected. */
  readonly canRewind: boolean;
}

/** Steps of one {@linkcode Runner.runGreedy} at most. */
export const MAX_GREEDY_STEPS = 8;

/** Stands where no token could be chosen: a logit is NaN or +Infinity, or none is finite. */
export const NO_TOKEN = 2 ** 32 - 1;

/** What {@linkcode Runner.runGreedy} computes. */
export interface GreedyRun {
  /** From 1 to {@linkcode MAX_GREEDY_STEPS}. */
  readonly numSteps: number;
  /** Ids that may be chosen, from 0 on; rows of logits may be longer. */
  readonly numChoices: number;
}

/** A loaded model that computes steps, one at a time. */
export interface Runner {
  readonly limits: RunnerLimits;
  /**
   * Runs one forward pass for a ragged batch. The entries are read until it resolves.
   *
   * @returns [sum of `numLogits`, vocabSize] f32, in the order of the entries and their tokens
   * @throws {DeviceError} the device was lost
   */
  run(entries: readonly RunnerEntry[]): Promise<Float32Array>;
  /**
   * Runs several decode steps that wait for nothing between them: each computes the tokens that the one before it chose, by the
   * largest logit, the lowest id among equals. Bits are those of as many calls of {@linkcode run}. Where a sequence gets
   * {@linkcode NO_TOKEN}, its later tokens mean nothing, and neither does what the cache holds from there on.
   *
   * Absent where only the host can choose.
   *
   * @param entries one token each, with `numLogits` 1; `blocks` hold `numSteps` positions from `firstPosition` on
   * @returns [numSteps, entries] token ids
   * @throws {RangeError} entries, blocks or counts are not so
   * @throws {DeviceError} the device was lost
   */
  runGreedy?(entries: readonly RunnerEntry[], run: GreedyRun): Promise<Uint32Array>;
  /**
   * Does some of the work that makes later steps faster, while nothing is to be computed: a fraction of a second as a rule.
   *
   * @returns false where there is none at present
   */
  prepareMore?(): Promise<boolean>;
  /** A sequence has ended: its id will not come again, but its full blocks may, in the tables of others. */
  release?(sequence: number): void;
  /** Gives all device memory back. */
  destroy(): void;
}
