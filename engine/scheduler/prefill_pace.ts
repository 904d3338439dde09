/**
 * How many prompt tokens a step may carry while streams wait for their next token: as many as lengthen the step by a bounded
 * share of what it takes without them. Learns from the steps that were run; knows neither sequences nor a device.
 *
 * @module
 */

/** A step with prompt tokens may take this much longer than a decode step: streams stay below three times their usual pause. */
const MAX_EXTRA_SHARE = 1.5;
/** Fewer would read all weights for next to nothing, and a prompt must get on. */
const MIN_CHUNK_TOKENS = 16;
/** Weight of the past in a running mean. */
const DECAY = 0.8;

/** What a step carried, and how long it took. */
export interface StepTime {
  /** Tokens of sequences that decode. */
  readonly numDecodeTokens: number;
  /** Tokens of prompts. */
  readonly numPromptTokens: number;
  /** Time of the forward pass, in ms. */
  readonly ms: number;
}

/** Running means of step times. */
export class PrefillPace {
  /** Of steps that only decode, in ms; null before the first. */
  #decodeMs: number | null = null;
  /** What prompt tokens added, and their number: both decay, so that long chunks count for more than short ones. */
  #extraMs = 0;
  #numPromptTokens = 0;

  /** Learns from a step. */
  record({ numDecodeTokens, numPromptTokens, ms }: StepTime): void {
    if (numPromptTokens === 0) {
      this.#decodeMs = this.#decodeMs === null ? ms : DECAY * this.#decodeMs + (1 - DECAY) * ms;
      return;
    }
    const decodeMs = numDecodeTokens > 0 ? this.#decodeMs ?? 0 : 0;
    this.#extraMs = DECAY * this.#extraMs + Math.max(0, ms - decodeMs);
    this.#numPromptTokens = DECAY * this.#numPromptTokens + numPromptTokens;
  }

  /** Prompt tokens of one step while streams decode; Infinity as long as nothing is known. */
  get maxPromptTokens(): number {
    if (this.#decodeMs === null || this.#extraMs === 0) return Infinity;
    const tokenMs = this.#extraMs / this.#numPromptTokens;
    return Math.max(MIN_CHUNK_TOKENS, Math.floor(MAX_EXTRA_SHARE * this.#decodeMs / tokenMs));
  }
}
