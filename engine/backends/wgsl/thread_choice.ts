/**
 * How many threads steps of one token run on best.
 *
 * A step on all threads is half as long as on one as long as they have the processors to themselves. Where another program has one of them,
 * the threads wait for the one that shares it, at each barrier, and one thread alone is faster. Only trying tells.
 *
 * @module
 */

/** Steps that are tried both ways. */
const NUM_TRIALS = 3;

/** Steps until it is tried again: a trial of steps that take half as long again then costs one step in a hundred. */
const ROUND_STEPS = 256;

/** One thread must be that much faster: two are as good as any where nothing tells them apart. */
const SOLO_SHARE = 0.9;

/** Chooses between all threads and one, step by step. */
export class ThreadChoice {
  #isSolo = false;
  /** Since the last trial began. */
  #numSteps = 0;
  /** Milliseconds of the steps of the trial. */
  #trials: { all: number[]; solo: number[] } = { all: [], solo: [] };

  /** Whether the next step goes on one thread. */
  get isSolo(): boolean {
    const { all, solo } = this.#trials;
    return this.#isTrying ? solo.length < all.length : this.#isSolo;
  }

  get #isTrying(): boolean {
    return this.#trials.solo.length < NUM_TRIALS;
  }

  /**
   * Takes note of what came of a step, or of `count` in a row.
   *
   * @param ms of one of them; infinite where its threads did not meet
   */
  record(ms: number, count: number): void {
    if (this.#isTrying) {
      const { all, solo } = this.#trials;
      (this.isSolo ? solo : all).push(ms);
      if (!this.#isTrying) this.#isSolo = median(solo) < SOLO_SHARE * median(all);
    } else if (ms === Infinity) this.#isSolo = true;
    this.#numSteps += count;
    if (this.#numSteps < ROUND_STEPS) return;
    this.#numSteps = 0;
    this.#trials = { all: [], solo: [] };
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
