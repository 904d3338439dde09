/**
 * Steps that have begun and not ended: which sequences are theirs, and what their times tell of the pace of prompts. Knows no
 * blocks and no device.
 *
 * @module
 */
import { PrefillPace, type StepCrowd } from "./prefill_pace.ts";
import type { ScheduledSequence } from "./scheduler.ts";
import { isDecoding, type Sequence } from "./sequence.ts";

type Plan = readonly ScheduledSequence[];

/** A step when it began. */
interface StepInFlight {
  /** Sequences that decode, in this step or beside it. */
  readonly numDecoding: number;
  /** Whether some of them are in this step. */
  readonly hasDecoding: boolean;
  readonly numPromptTokens: number;
  /** Prompt tokens of all steps before it. */
  readonly numPromptTokensBefore: number;
  /** Whether those of a step before it may hold it up: the device can have them still, though that step's logits have come. */
  readonly isBehindPrompt: boolean;
}

/** As many as a runner computes at once. */
export class StepsInFlight {
  readonly #pace = new PrefillPace();
  readonly #steps = new Map<Plan, StepInFlight>();
  readonly #sequences = new Set<Sequence>();
  readonly #maxStepsInFlight: number;
  /** Prompt tokens of all steps so far. */
  #numPromptTokens = 0;
  /** Steps since the last one that had some. */
  #numStepsSincePrompt = Infinity;

  constructor(maxStepsInFlight: number) {
    this.#maxStepsInFlight = maxStepsInFlight;
  }

  /** Whether a sequence is in one of them. */
  has(sequence: Sequence): boolean {
    return this.#sequences.has(sequence);
  }

  /** Prompt tokens that one more step may carry. */
  maxPromptTokens(crowd: StepCrowd): number {
    return Math.max(0, this.#pace.maxPromptTokens(crowd) - this.#numPromptTokensInFlight);
  }

  get #numPromptTokensInFlight(): number {
    let sum = 0;
    for (const { numPromptTokens } of this.#steps.values()) sum += numPromptTokens;
    return sum;
  }

  /** @param numDecoding all sequences that decode */
  begin(plan: Plan, numDecoding: number): void {
    let numPromptTokens = 0;
    let hasDecoding = false;
    for (const { sequence, numTokens } of plan) {
      this.#sequences.add(sequence);
      if (isDecoding(sequence)) hasDecoding = true;
      else numPromptTokens += numTokens;
    }
    this.#steps.set(plan, {
      numDecoding,
      hasDecoding,
      numPromptTokens,
      numPromptTokensBefore: this.#numPromptTokens,
      // Those beside this one, and those in whose place they came.
      isBehindPrompt: this.#numStepsSincePrompt < 2 * (this.#maxStepsInFlight - 1),
    });
    this.#numPromptTokens += numPromptTokens;
    this.#numStepsSincePrompt = numPromptTokens > 0 ? 0 : this.#numStepsSincePrompt + 1;
  }

  /**
   * What streams wait for is a step from its beginning to its end, and prompts hold them up that begin with it or meanwhile.
   *
   * @param ms from its beginning to its end
   */
  end(plan: Plan, ms: number): void {
    const { numDecoding, hasDecoding, ...step } = this.#steps.get(plan)!;
    this.#steps.delete(plan);
    for (const { sequence } of plan) this.#sequences.delete(sequence);
    if (numDecoding > 0 && !hasDecoding) return; // no stream waited for it
    const numPromptTokens = this.#numPromptTokens - step.numPromptTokensBefore;
    if (numPromptTokens === 0 && step.isBehindPrompt) return; // it tells neither of prompts nor of streams
    this.#pace.record({ numDecoding, numPromptTokens, ms });
  }
}
