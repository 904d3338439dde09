/**
 * One step whose tokens the host chooses: logits, grammars, samplers, drafts. See `multi_step.ts` for those that the runner chooses.
 *
 * @module
 */
import type { Sample } from "../sampling/mod.ts";
import type { ScheduledSequence, Scheduler, Speculation } from "../scheduler/mod.ts";
import type { ActiveGeneration } from "./active_generation.ts";
import type { ActiveGenerations } from "./active_generations.ts";
import type { Runner } from "./runner.ts";
import { toRunnerEntries } from "./runner_entries.ts";

/** Time that a batch waits for one sequence's grammar; the sequence then sits out until its grammar has answered. */
const MAX_GRAMMAR_WAIT_MS = 2;

/** What a {@linkcode SingleStep} is made of. */
export interface SingleStepParts {
  readonly runner: Runner;
  readonly scheduler: Pick<Scheduler, "commit" | "recordStep">;
  readonly speculation: Pick<Speculation, "recordStep">;
  readonly generations: ActiveGenerations;
  /** Tokens of the vocabulary; logits may have more. */
  readonly numTokens: number;
}

/** Runs steps, samples, publishes. */
export class SingleStep {
  readonly #parts: SingleStepParts;
  #numGeneratedTokens = 0;
  #numAcceptedDrafts = 0;

  constructor(parts: SingleStepParts) {
    this.#parts = parts;
  }

  /** Tokens that {@linkcode take} has published. */
  get numGeneratedTokens(): number {
    return this.#numGeneratedTokens;
  }

  /** Drafts that were what was sampled. */
  get numAcceptedDrafts(): number {
    return this.#numAcceptedDrafts;
  }

  /** Computes a step and samples its tokens. */
  async run(
    plan: readonly ScheduledSequence[],
    drafts: readonly (readonly number[])[],
  ): Promise<void> {
    const { runner, scheduler, speculation, generations } = this.#parts;
    const entries = toRunnerEntries(plan, drafts);
    const start = performance.now();
    const logits = await runner.run(entries);
    const ms = performance.now() - start;
    scheduler.recordStep(plan, ms);
    speculation.recordStep(plan, drafts, ms);
    let end = 0; // of a sequence's logits
    for (const [i, { sequence, numTokens }] of plan.entries()) {
      const rows = logits.subarray(end, end += entries[i]!.numLogits * runner.limits.vocabSize);
      const generation = generations.get(sequence.id);
      if (!generation) continue; // cancelled while the step ran
      scheduler.commit(sequence, numTokens);
      if (rows.length > 0) await this.#takeRows(generation, rows, drafts[i]!);
    }
  }

  /** Samples the sequences that sat out for their grammar, as far as it has answered; false when there were none. */
  async advanceHeld(): Promise<boolean> {
    const { generations } = this.#parts;
    let hasHeld = false;
    for (const generation of generations.list()) {
      const logits = generation.heldLogits;
      if (logits === null || !generations.has(generation)) continue;
      hasHeld = true;
      await this.#advance(generation, logits);
    }
    return hasHeld;
  }

  /** Publishes a chosen token and ends the sequence where it must. */
  async take(generation: ActiveGeneration, sample: Sample): Promise<void> {
    const { generations } = this.#parts;
    const { grammar } = generation.parts;
    this.#numGeneratedTokens++;
    const { isEnd, stopSequence } = generation.take(sample);
    if (isEnd) await generations.complete(generation);
    else if (stopSequence !== null) generations.finish(generation, "stop", stopSequence);
    else if (generation.isFull) {
      if (await grammar?.isComplete(generation.parts.answer)) {
        await generations.complete(generation);
      } else generations.finish(generation, "length");
    }
  }

  /**
   * Samples the token behind the last one, and goes on with those behind the drafts as long as these are what was sampled: each
   * token is chosen as it would be without drafts, from the same logits and by the same random number.
   *
   * @param rows [1 + drafts, V]
   */
  async #takeRows(
    generation: ActiveGeneration,
    rows: Float32Array,
    drafts: readonly number[],
  ): Promise<void> {
    const { runner, scheduler, generations } = this.#parts;
    const { sequence } = generation.parts;
    const { vocabSize } = runner.limits;
    await this.#advance(generation, rows.subarray(0, vocabSize));
    for (const [i, draft] of drafts.entries()) {
      if (!generations.has(generation) || sequence.tokens.at(-1) !== draft) return;
      this.#numAcceptedDrafts++;
      scheduler.commit(sequence, 1);
      await this.#advance(generation, rows.subarray((i + 1) * vocabSize, (i + 2) * vocabSize));
    }
  }

  /** Samples a sequence's next token, once its grammar allows that. */
  async #advance(generation: ActiveGeneration, logits: Float32Array): Promise<void> {
    const { grammar } = generation.parts;
    if (grammar && !await grammar.isReadyWithin(MAX_GRAMMAR_WAIT_MS)) {
      generation.heldLogits ??= logits.slice(); // the next step overwrites them
      return;
    }
    generation.heldLogits = null;
    const sample = await this.#sample(generation, logits.subarray(0, this.#parts.numTokens));
    if (sample !== null) await this.take(generation, sample);
  }

  /** Chooses a token; null when the generation ended instead. */
  async #sample(generation: ActiveGeneration, logits: Float32Array): Promise<Sample | null> {
    const { generations } = this.#parts;
    const { sampler, answer, grammar } = generation.parts;
    try {
      const isOpen = grammar === null || await grammar.restrict(logits, answer);
      if (!generations.has(generation)) return null; // cancelled while the grammar was asked
      if (isOpen) return sampler.sample(logits);
      await generations.complete(generation);
    } catch (error) {
      generations.fail(generation, error);
    }
    return null;
  }
}
