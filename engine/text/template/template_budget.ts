/**
 * What a chat template may cost: it is untrusted data, and forty bytes of it can loop for a minute.
 *
 * @module
 */

/** A budget ran out. */
export class TemplateBudgetError extends Error {}

/** Nodes evaluated plus items looped over; 2,048 messages take about 200,000. */
const MAX_STEPS = 1_000_000;
/** Checked every {@linkcode STEPS_PER_CLOCK_CHECK} steps, so that a short rendering never depends on the clock. */
const MAX_RENDER_MS = 250;
const STEPS_PER_CLOCK_CHECK = 16_384;
/** Characters of any text and items of any list that a template makes. */
const MAX_VALUE_LENGTH = 4 * 1024 * 1024;
/** Nested nodes, macro calls included. */
const MAX_DEPTH = 512;
/** Items of `range()`. */
const MAX_RANGE = 10_000;

/** Counts what one rendering has cost. */
export class TemplateBudget {
  readonly #deadline = performance.now() + MAX_RENDER_MS;
  #numSteps = 0;
  #nextClockCheck = STEPS_PER_CLOCK_CHECK;
  #depth = 0;

  /** @throws {TemplateBudgetError} too many steps, or too much time */
  spend(numSteps: number): void {
    this.#numSteps += numSteps;
    if (this.#numSteps > MAX_STEPS) {
      throw new TemplateBudgetError(`the template takes more than ${MAX_STEPS} steps; send less`);
    }
    if (this.#numSteps < this.#nextClockCheck) return;
    this.#nextClockCheck = this.#numSteps + STEPS_PER_CLOCK_CHECK;
    if (performance.now() > this.#deadline) {
      throw new TemplateBudgetError(`the template takes more than ${MAX_RENDER_MS} ms; send less`);
    }
  }

  /**
   * Runs one level deeper.
   *
   * @throws {TemplateBudgetError} too deep
   */
  nest<T>(run: () => T): T {
    if (++this.#depth > MAX_DEPTH) {
      throw new TemplateBudgetError(`the template nests deeper than ${MAX_DEPTH}`);
    }
    try {
      return run();
    } finally {
      this.#depth--; // `break` and `continue` leave by exceptions
    }
  }
}

/** @throws {TemplateBudgetError} a text or list is too long */
export function checkLength(length: number): void {
  if (length > MAX_VALUE_LENGTH) {
    throw new TemplateBudgetError(
      `the template writes ${length} characters, at most ${MAX_VALUE_LENGTH} are allowed`,
    );
  }
}

/**
 * Python's `range`.
 *
 * @throws {TemplateBudgetError} too many items
 */
export function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [first, end] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((end - first) / step));
  if (!(length <= MAX_RANGE)) {
    throw new TemplateBudgetError(`range() of ${length} items, at most ${MAX_RANGE} are allowed`);
  }
  return Array.from({ length }, (_, i) => first + i * step);
}
