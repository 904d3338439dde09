/**
 * What drafts bring and what they cost, from the steps that were run: how often a guess was right, and how long steps of so
 * many tokens took. Guesses are judged whether they were drafted or not, so nothing has to be tried to know.
 *
 * @module
 */

/** How often guesses are taken to be right before any was judged, by the tokens that agree: 2 to 3, 4 to 7, 8 to 15, more. */
const PRIOR_RATES = [0.25, 0.5, 0.75, 0.9];
/** Guesses that the prior counts for. */
const PRIOR_WEIGHT = 4;
/** Weight of the past a guess: the last 50 or so count. */
const RATE_DECAY = 0.98;

/** How often a guess is right, by how many tokens before it agree. */
export class GuessRates {
  readonly #numRight = PRIOR_RATES.map((rate) => PRIOR_WEIGHT * rate);
  readonly #numJudged = PRIOR_RATES.map(() => PRIOR_WEIGHT);

  /** Learns from a guess. @param matchLength at least 2 */
  record(matchLength: number, wasRight: boolean): void {
    const i = classOf(matchLength);
    this.#numRight[i] = RATE_DECAY * this.#numRight[i]! + (wasRight ? 1 : 0);
    this.#numJudged[i] = RATE_DECAY * this.#numJudged[i]! + 1;
  }

  /** From 0 to 1; less a standard error, since drafts are made where the rate looks good, and that is where it is overrated. */
  rate(matchLength: number): number {
    const i = classOf(matchLength);
    const mean = this.#numRight[i]! / this.#numJudged[i]!;
    return Math.max(0, mean - Math.sqrt(mean * (1 - mean) / this.#numJudged[i]!));
  }
}

function classOf(matchLength: number): number {
  return Math.min(PRIOR_RATES.length, Math.floor(Math.log2(matchLength))) - 1;
}

/** Weight of the past in a mean time. */
const TIME_DECAY = 0.8;
/** A step that took longer than this many times the mean was held up by something else; it counts as no more. */
const MAX_OUTLIER = 2;
/** What twice as many tokens are taken to cost where that was not seen: more than a device that waits for memory asks for. */
const UNSEEN_RATIO = 1.5;
/** Steps after which the time of a step with drafts is forgotten: contexts grow, machines get busy. */
const MAX_AGE = 256;

/** How long steps without prompts take, by their tokens. */
export class DecodeTimes {
  /** By the number of tokens, with the step that was the last such one. */
  readonly #means: { ms: number; step: number }[] = [];
  #numSteps = 0;

  /** Learns from a step. */
  record(numTokens: number, ms: number): void {
    const past = this.#means[numTokens]?.ms ?? ms;
    const mean = TIME_DECAY * past + (1 - TIME_DECAY) * Math.min(ms, MAX_OUTLIER * past);
    this.#means[numTokens] = { ms: mean, step: ++this.#numSteps };
  }

  /** Of a step without drafts, in ms; null before the first. */
  plainMs(numTokens: number): number | null {
    return this.#means[numTokens]?.ms ?? null;
  }

  /**
   * Of a step with drafts, in ms; between those of other sizes, or beyond them, where none of this one ran lately.
   *
   * @param numPlain tokens of it that are no drafts; such a step was seen
   */
  draftMs(numTokens: number, numPlain: number): number {
    let shorter = numTokens;
    while (shorter > numPlain && !this.#isFresh(shorter)) shorter--;
    const ms = this.#means[shorter]!.ms;
    const longer = this.#means.findIndex((_, size) => size > numTokens && this.#isFresh(size));
    if (longer === -1) return ms * UNSEEN_RATIO ** Math.log2(numTokens / shorter);
    const share = (numTokens - shorter) / (longer - shorter);
    return ms + share * (this.#means[longer]!.ms - ms);
  }

  #isFresh(numTokens: number): boolean {
    const mean = this.#means[numTokens];
    return mean !== undefined && this.#numSteps - mean.step < MAX_AGE;
  }
}
