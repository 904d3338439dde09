/**
 * Steps an engine as long as it has work, and starts again whenever there is some. Knows nothing of what a step does.
 *
 * @module
 */

/** What a {@linkcode StepLoop} drives. */
export interface StepLoopParts {
  /** One step; false when there was nothing to do. */
  step(): Promise<boolean>;
  /** Something that can wait, while there is nothing to do; false when there is none at present. */
  idle?(): Promise<boolean>;
  /** Called after each step, idle ones too; what else waits gets its turn. */
  rest(): Promise<void>;
  /** A step failed; the loop has ended. */
  onError(error: unknown): void;
}

/** One loop, however often it is woken. */
export class StepLoop {
  readonly #parts: StepLoopParts;
  #isRunning = false;
  /** A step that found nothing may end after new work has come: the loop then looks once more. */
  #isWoken = false;

  constructor(parts: StepLoopParts) {
    this.#parts = parts;
  }

  /** There is work; resolves when none is left. Returns at once if the loop is running. */
  async wake(): Promise<void> {
    this.#isWoken = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { step, idle = () => Promise.resolve(false), rest, onError } = this.#parts;
    try {
      while (this.#isWoken) {
        this.#isWoken = false;
        while (await step()) await rest();
        while (!this.#isWoken && await idle()) await rest();
      }
    } catch (error) {
      onError(error);
    } finally {
      this.#isRunning = false;
    }
  }
}
