/**
 * How many prompt tokens a step may carry while streams wait for their next token: as many as lengthen the step by a bounded
 * share of what it takes without them. Learns from the steps that were run; knows neither sequences nor a device.
 *
 * @module
 */

/** A step with prompt tokens may take this much longer than a decode step: streams stay below three times their usual pause. */
const MAX_EXTRA_SHARE = 1.1;
/** Fewer would read all weights for next to nothing, and a prompt must get on. */
const MIN_CHUNK_TOKENS = 4;
/** Steps with prompt tokens after which one without tells again what a step takes: contexts grow, machines get busy. */
const MAX_MIXED_STEPS = 32;
/** A batch that has changed by more than this share takes a time of its own. */
const MAX_BATCH_CHANGE = 0.25;
/** Weight of the past in a running mean. */
const DECAY = 0.8;

/** What a step carried, and how long it took. */
export interface StepTime {
  /** Sequences that decode. */
  readonly numDecoding: number;
  /** Tokens of prompts. */
  readonly numPromptTokens: number;
  /** Time of the forward pass, in ms. */
  readonly ms: number;
}

/** Who is to share a step. */
export interface StepCrowd {
  /** Sequences that decode, at least one. */
  readonly numDecoding: number;
  /** Sequences that have prompt tokens to compute, at least one. */
  readonly numPrefilling: number;
}

/** Running means of step times. */
export class PrefillPace {
  /** The steps that only decode; null before the first. */
  #decode: { numSequences: number; ms: number } | null = null;
  /** Steps with prompt tokens since the last one that only decoded. */
  #numMixedSteps = 0;
  /** What prompt tokens added, and their number: both decay, so that long chunks count for more than short ones. */
  #extraMs = 0;
  #numPromptTokens = 0;

  /** Learns from a step. */
  record({ numDecoding, numPromptTokens, ms }: StepTime): void {
    if (numPromptTokens === 0) return this.#recordDecode(numDecoding, ms);
    if (numDecoding > 0) this.#numMixedSteps++;
    const decodeMs = numDecoding > 0 ? this.#decode?.ms ?? 0 : 0;
    this.#extraMs = DECAY * this.#extraMs + Math.max(0, ms - decodeMs);
    this.#numPromptTokens = DECAY * this.#numPromptTokens + numPromptTokens;
  }

  /**
   * Prompt tokens of the next step: none where it is to tell what a step takes without them, Infinity as long as no prompt was
   * seen. Where more prompts wait than streams run, the step may get longer by their ratio.
   */
  maxPromptTokens({ numDecoding, numPrefilling }: StepCrowd): number {
    if (this.#extraMs === 0) return Infinity;
    if (this.#decode === null || this.#isStale(numDecoding)) return 0;
    const tokenMs = this.#extraMs / this.#numPromptTokens;
    const extraMs = MAX_EXTRA_SHARE * this.#decode.ms * Math.max(1, numPrefilling / numDecoding);
    return Math.max(MIN_CHUNK_TOKENS, Math.floor(extraMs / tokenMs));
  }

  #recordDecode(numSequences: number, ms: number): void {
    const past = this.#decode === null || this.#hasChanged(numSequences) ? ms : this.#decode.ms;
    this.#decode = { numSequences, ms: DECAY * past + (1 - DECAY) * ms };
    this.#numMixedSteps = 0;
  }

  /** Whether what is known of steps without prompts is of another time or batch. */
  #isStale(numDecoding: number): boolean {
    return this.#numMixedSteps >= MAX_MIXED_STEPS || this.#hasChanged(numDecoding);
  }

  #hasChanged(numDecoding: number): boolean {
    const known = this.#decode?.numSequences ?? 0;
    return Math.abs(numDecoding - known) > MAX_BATCH_CHANGE * known;
  }
}
