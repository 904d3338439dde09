/**
 * Steps that a runner computes, as many at once as it can. Knows nothing of what becomes of their logits.
 *
 * @module
 */
import type { ScheduledSequence } from "../scheduler/mod.ts";
import type { Runner } from "./runner.ts";
import { toRunnerEntries } from "./runner_entries.ts";

/** What a step computes. */
export interface StepWork {
  readonly plan: readonly ScheduledSequence[];
  /** What is computed behind each share's own tokens. */
  readonly drafts: readonly (readonly number[])[];
}

/** A step that was computed. */
export interface FinishedStep extends StepWork {
  /** Of each share, [rows, V] f32. */
  readonly logits: readonly Float32Array[];
  /** From its beginning to its end. */
  readonly ms: number;
  /** Without the time in which an earlier step was computed too. */
  readonly ownMs: number;
}

/** A runner's answer and the time that it took, by the monotonic clock in ms. */
interface Result {
  readonly logits: readonly Float32Array[];
  readonly beganAt: number;
  readonly endedAt: number;
}

/** First in, first out. */
export class StepQueue {
  readonly #runner: Runner;
  readonly #steps: { work: StepWork; result: Promise<Result> }[] = [];
  /** When the last step ended. */
  #endedAt = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** Whether the runner can compute one more. */
  get hasRoom(): boolean {
    return this.#steps.length < this.#runner.limits.maxStepsInFlight;
  }

  /** Begins a step. */
  push(work: StepWork): void {
    const result = this.#run(work);
    result.catch(() => {}); // whoever takes the step hears of it
    this.#steps.push({ work, result });
  }

  /**
   * Takes the oldest step, once it has ended; null where there is none.
   *
   * @throws what the runner throws
   */
  async shift(): Promise<FinishedStep | null> {
    const step = this.#steps.shift();
    if (!step) return null;
    const { logits, beganAt, endedAt } = await step.result;
    const ownMs = endedAt - Math.max(beganAt, this.#endedAt);
    this.#endedAt = endedAt;
    return { ...step.work, logits, ms: endedAt - beganAt, ownMs };
  }

  async #run({ plan, drafts }: StepWork): Promise<Result> {
    const beganAt = performance.now();
    const entries = toRunnerEntries(plan, drafts);
    const all = await this.#runner.run(entries);
    const endedAt = performance.now();
    const { vocabSize } = this.#runner.limits;
    let end = 0;
    const logits = entries.map(({ numLogits }) => all.subarray(end, end += numLogits * vocabSize));
    return { logits, beganAt, endedAt };
  }
}
