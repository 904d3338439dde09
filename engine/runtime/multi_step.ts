/**
 * Decode steps whose tokens the runner chooses itself, several for one readback where nobody needs the host between them. Decides how
 * many, and takes their tokens as if one step after the other had been run. Never sees logits or text.
 *
 * @module
 */
import {
  isDecoding,
  type ScheduledSequence,
  type Scheduler,
  type Sequence,
  type Speculation,
} from "../scheduler/mod.ts";
import type { ActiveGeneration } from "./active_generation.ts";
import { MAX_GREEDY_STEPS, NO_TOKEN, type Runner } from "./runner.ts";
import { toRunnerEntries } from "./runner_entries.ts";

/** Steps in this time are run together at any rate: events wait for each other twice as long anyway. */
const HIDDEN_MS = 2;

/**
 * Longer steps of one stream alone are run together too, up to this time: so long a request waits at most that joins it. Bound so
 * that the stream stays smooth, and that steps which are much longer than a readback stay alone.
 */
const MAX_RUN_MS = 12;
/** More would bring little: these save three readbacks of four. */
const MAX_LONG_STEPS = 4;

/** After so many runs one step alone tells again what it takes: contexts grow, machines get busy. */
const MAX_RUNS = 16;

/** What a {@linkcode MultiStep} is made of. */
export interface MultiStepParts {
  readonly runner: Runner;
  readonly scheduler: Pick<Scheduler, "numWaiting" | "numRunning" | "commit" | "recordStep">;
  /** Knows how long steps take. */
  readonly speculation: Pick<Speculation, "plainMs" | "recordStep">;
  /** Ids that may be chosen, from 0 on. */
  readonly numChoices: number;
  /** The generation of a sequence; undefined once it has ended. */
  readonly generationOf: (sequence: Sequence) => ActiveGeneration | undefined;
  /** Appends a chosen token, and ends the generation where it must. */
  readonly take: (generation: ActiveGeneration, token: number) => Promise<void>;
}

/** Runs decode steps of a runner that can choose tokens itself. */
export class MultiStep {
  readonly #parts: MultiStepParts;
  /** Sequences of the last step that ran alone, and runs of several steps since. */
  #lastAlone = { numSequences: 0, numRuns: 0 };

  constructor(parts: MultiStepParts) {
    this.#parts = parts;
  }

  /**
   * How many steps of a plan to run together, a power of two, so that their commands come again; 0 where the host is needed: to
   * sample, to check drafts, to prefill, or for a first token.
   *
   * One where a sequence waits, whatever for, and where it is not known what one takes. They end before a sequence needs another
   * block: it may end before, and that block would have been taken from the prefix cache.
   */
  choose(
    plan: readonly ScheduledSequence[],
    drafts: readonly (readonly number[])[],
  ): number {
    const { runner, scheduler, speculation } = this.#parts;
    if (!runner.runGreedy || drafts.some(({ length }) => length > 0)) return 0;
    if (!plan.every(({ sequence }) => this.#isGreedy(sequence))) return 0;
    const stepMs = speculation.plainMs(plan.length);
    const { numSequences, numRuns } = this.#lastAlone;
    if (stepMs === null || numSequences !== plan.length || numRuns >= MAX_RUNS) return 1;
    if (scheduler.numWaiting > 0 || plan.length < scheduler.numRunning) return 1;
    const max = Math.min(
      MAX_GREEDY_STEPS,
      maxStepsFor(stepMs, plan.length),
      ...plan.map(({ sequence }) => this.#maxStepsOf(sequence)),
    );
    return 2 ** Math.floor(Math.log2(Math.max(1, max)));
  }

  /** Runs as many steps as {@linkcode choose} said. Tokens behind the end of a generation come to nothing. */
  async run(plan: readonly ScheduledSequence[], numSteps: number): Promise<void> {
    const { runner, scheduler, speculation, numChoices, generationOf, take } = this.#parts;
    const noDrafts = plan.map(() => []);
    const entries = toRunnerEntries(plan, noDrafts);
    const start = performance.now();
    const chosen = await runner.runGreedy!(entries, { numSteps, numChoices });
    const stepMs = (performance.now() - start) / numSteps;
    if (numSteps > 1) this.#lastAlone.numRuns++;
    else {
      this.#lastAlone = { numSequences: plan.length, numRuns: 0 };
      // Prompts are paced by steps that wait for a readback, as those that compute prompts do.
      scheduler.recordStep(plan, stepMs);
    }
    speculation.recordStep(plan, noDrafts, stepMs);
    for (const [i, token] of chosen.entries()) {
      const { sequence } = plan[i % plan.length]!;
      const generation = generationOf(sequence);
      if (!generation || generation.needsHost) continue;
      if (token === NO_TOKEN) {
        generation.needsHost = true; // it computes the same logits once more, and says what is wrong with them
        continue;
      }
      scheduler.commit(sequence, 1);
      await take(generation, token);
    }
  }

  /** Whether the host is not needed for a sequence's next token. */
  #isGreedy(sequence: Sequence): boolean {
    const hasBegun = sequence.tokens.length > sequence.numPromptTokens;
    const generation = this.#parts.generationOf(sequence);
    return isDecoding(sequence) && hasBegun && generation?.needsHost === false;
  }

  /** Steps that a sequence may still have, and has slots for. */
  #maxStepsOf(sequence: Sequence): number {
    const { runner: { limits }, generationOf } = this.#parts;
    const numSlots = limits.blockSize * sequence.table.blocks.length - sequence.numComputed;
    return Math.min(numSlots, generationOf(sequence)!.numTokensLeft);
  }
}

/** Steps that nobody minds to be run together. */
function maxStepsFor(stepMs: number, numSequences: number): number {
  const numHidden = HIDDEN_MS / stepMs;
  if (numSequences > 1) return numHidden;
  return Math.max(numHidden, Math.min(MAX_LONG_STEPS, MAX_RUN_MS / stepMs));
}
