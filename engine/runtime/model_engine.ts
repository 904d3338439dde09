/**
 * One loaded model: requests in, events out. `step()` is the heart: schedule, run, sample, publish.
 *
 * @module
 */
import { EngineError } from "../errors.ts";
import { checkBiasedTokens, createSampler, resolveSampling, type Sample } from "../sampling/mod.ts";
import {
  type ScheduledSequence,
  Scheduler,
  Speculation,
  type SpeculationMode,
} from "../scheduler/mod.ts";
import type { TextModel } from "../text/mod.ts";
import type { FinishReason, GenerationRequest, ModelStats, SamplingParams } from "../types.ts";
import { ActiveGeneration, type GenerationSink } from "./active_generation.ts";
import { AnswerReader } from "./answer.ts";
import { Constraints } from "./constraints.ts";
import { answerOptions } from "./demands.ts";
import type { GrammarFollower } from "./grammar_follower.ts";
import {
  boundOutput,
  checkStop,
  decodeTokens,
  encodePrompt,
  type PromptRequest,
  refuseHopeless,
} from "./prompt.ts";
import { MultiStep } from "./multi_step.ts";
import type { Runner } from "./runner.ts";
import { toRunnerEntries } from "./runner_entries.ts";

export type { GenerationSink } from "./active_generation.ts";

/** Time that a sequence may wait for its first step. */
const MAX_WAIT_MS = 60_000;

/** Time that a batch waits for one sequence's grammar; the sequence then sits out until its grammar has answered. */
const MAX_GRAMMAR_WAIT_MS = 2;

/** What a {@linkcode ModelEngine} is made of. */
export interface ModelEngineParts {
  readonly model: string;
  readonly runner: Runner;
  readonly text: TextModel;
  /** The model's own sampling defaults. */
  readonly sampling: SamplingParams;
  /** Sequences that may wait. */
  readonly maxWaiting: number;
  /** Time that a sequence may wait for its first step. @default 60000 */
  readonly maxWaitMs?: number;
  /** Output tokens of a request that names no bound. */
  readonly defaultMaxTokens: number;
  /** Whether tokens are drafted, where the runner can take drafts back. @default "auto" */
  readonly speculation?: SpeculationMode;
}

/** Runs the requests of one model in batches. */
export class ModelEngine {
  readonly #parts: ModelEngineParts;
  readonly #scheduler: Scheduler;
  readonly #speculation: Speculation;
  readonly #multiStep: MultiStep;
  readonly #active = new Map<number, ActiveGeneration>();
  readonly #constraints: Constraints;
  #numSteps = 0;
  #numGeneratedTokens = 0;
  #numAcceptedDrafts = 0;
  #numCancelled = 0;

  constructor(parts: ModelEngineParts) {
    this.#parts = parts;
    const { limits } = parts.runner;
    this.#scheduler = new Scheduler({ ...limits, maxWaiting: parts.maxWaiting });
    const mode = limits.canRewind ? parts.speculation ?? "auto" : "off";
    this.#speculation = new Speculation(this.#scheduler, { ...limits, mode });
    this.#multiStep = new MultiStep({
      runner: parts.runner,
      scheduler: this.#scheduler,
      speculation: this.#speculation,
      numChoices: Math.min(parts.text.numTokens, limits.vocabSize),
      generationOf: ({ id }) => this.#active.get(id),
      take: (generation, token) => this.#take(generation, { token, logprob: null }),
    });
    this.#constraints = new Constraints(parts.text, parts.maxWaiting);
  }

  /**
   * Compiles the grammar that a request's tools and format demand, for {@linkcode submit}.
   *
   * @returns null where any text will do; else a follower that its owner closes
   * @throws {InvalidRequestError | QueueFullError} see `Engine.generate`
   */
  async constrain(request: GenerationRequest): Promise<GrammarFollower | null> {
    this.#scheduler.assertRoom();
    return await this.#constraints.open(request);
  }

  /**
   * Checks, tokenizes and queues a request.
   *
   * @param grammar what {@linkcode constrain} gave; from here on it is closed when the generation ends
   * @returns the generation's id, for {@linkcode cancel}
   * @throws {InvalidRequestError | ContextLengthError | QueueFullError} see `Engine.generate`
   */
  submit(
    request: GenerationRequest,
    sink: GenerationSink,
    grammar: GrammarFollower | null = null,
  ): { id: number; numPromptTokens: number } {
    this.#scheduler.assertRoom(); // before the work of tokenizing
    const { text, runner, defaultMaxTokens } = this.#parts;
    const sampling = resolveSampling(request.sampling ?? {}, this.#parts.sampling);
    checkBiasedTokens(sampling, text.numTokens);
    const stop = checkStop(request.stop);
    const { contextLength } = runner.limits;
    refuseHopeless(text, request, { contextLength });
    const promptTokens = encodePrompt(text, request);
    const maxTokens = boundOutput(promptTokens.length, request.maxTokens, {
      contextLength,
      defaultMaxTokens,
    });
    const answer = new AnswerReader(text, { stop, ...answerOptions(request, promptTokens, text) });
    const generation = new ActiveGeneration({
      text,
      sequence: this.#scheduler.add(promptTokens),
      sampler: createSampler(sampling, promptTokens),
      answer,
      grammar,
      sink,
      maxTokens,
      ignoreEos: request.ignoreEos ?? false,
    });
    this.#active.set(generation.id, generation);
    // What a grammar allows is known one token ahead, not more.
    const { sequence } = generation.parts;
    if (grammar === null) this.#speculation.watch(sequence, promptTokens.length + maxTokens);
    return { id: generation.id, numPromptTokens: promptTokens.length };
  }

  /** See {@linkcode Runner.prepareMore}. */
  async prepareMore(): Promise<boolean> {
    return await this.#parts.runner.prepareMore?.() ?? false;
  }

  /** See `Engine.tokenize`. */
  tokenize(request: PromptRequest): number[] {
    return encodePrompt(this.#parts.text, request);
  }

  /** See `Engine.detokenize`. */
  detokenize(tokens: readonly number[]): string {
    return decodeTokens(this.#parts.text, tokens);
  }

  /** Frees a generation's blocks at once and ends its events with `cancelled`; does nothing if it has ended. */
  cancel(id: number): void {
    const generation = this.#active.get(id);
    if (!generation) return;
    this.#numCancelled++;
    this.#finish(generation, "cancelled");
  }

  /** One step, or several that the runner computes together, for every running sequence; false when there was nothing to do. */
  async step(): Promise<boolean> {
    this.#refuseLate();
    const hasHeld = await this.#advanceHeld();
    const plan = this.#scheduler.schedule();
    if (plan.length === 0) return hasHeld;
    const drafts = this.#speculation.draft(plan);
    const numSteps = this.#multiStep.choose(plan, drafts);
    if (numSteps > 0) await this.#multiStep.run(plan, numSteps);
    else await this.#run(plan, drafts);
    this.#numSteps += Math.max(1, numSteps);
    return true;
  }

  /** Computes a step and samples its tokens on the host. */
  async #run(
    plan: readonly ScheduledSequence[],
    drafts: readonly (readonly number[])[],
  ): Promise<void> {
    const { runner } = this.#parts;
    const entries = toRunnerEntries(plan, drafts);
    const start = performance.now();
    const logits = await runner.run(entries);
    const ms = performance.now() - start;
    this.#scheduler.recordStep(plan, ms);
    this.#speculation.recordStep(plan, drafts, ms);
    let end = 0; // of a sequence's logits
    for (const [i, { sequence, numTokens }] of plan.entries()) {
      const rows = logits.subarray(end, end += entries[i]!.numLogits * runner.limits.vocabSize);
      const generation = this.#active.get(sequence.id);
      if (!generation) continue; // cancelled while the step ran
      this.#scheduler.commit(sequence, numTokens);
      if (rows.length > 0) await this.#takeRows(generation, rows, drafts[i]!);
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
    const { sequence } = generation.parts;
    const { vocabSize } = this.#parts.runner.limits;
    await this.#advance(generation, rows.subarray(0, vocabSize));
    for (const [i, draft] of drafts.entries()) {
      if (!this.#isActive(generation) || sequence.tokens.at(-1) !== draft) return;
      this.#numAcceptedDrafts++;
      this.#scheduler.commit(sequence, 1);
      await this.#advance(generation, rows.subarray((i + 1) * vocabSize, (i + 2) * vocabSize));
    }
  }

  /** Ends what has waited too long for its first step: its client has better things to do. */
  #refuseLate(): void {
    if (this.#scheduler.numWaiting === 0) return;
    const { maxWaitMs = MAX_WAIT_MS } = this.#parts;
    const oldest = performance.now() - maxWaitMs;
    for (const generation of [...this.#active.values()]) {
      const { acceptedAt, parts: { sequence } } = generation;
      if (sequence.numCachedTokens !== null || acceptedAt >= oldest) continue;
      const message = `The request waited ${
        maxWaitMs / 1000
      } s for a place in the batch; try later`;
      this.#fail(generation, new EngineError("queue_timeout", message));
    }
  }

  /** Ends every generation and the grammars' worker. */
  close(): void {
    this.failAll(new EngineError("engine_closed", "The model was unloaded"));
    this.#constraints.close();
  }

  /** Ends every generation with `error`. */
  failAll(error: unknown): void {
    for (const generation of [...this.#active.values()]) this.#fail(generation, error);
  }

  /** Current counters. */
  stats(): Omit<ModelStats, "numRestartsTotal"> {
    return {
      model: this.#parts.model,
      numWaiting: this.#scheduler.numWaiting,
      numRunning: this.#scheduler.numRunning,
      numBlocks: this.#parts.runner.limits.numBlocks,
      numFreeBlocks: this.#scheduler.numFreeBlocks,
      numStepsTotal: this.#numSteps,
      numGeneratedTokensTotal: this.#numGeneratedTokens,
      numPreemptionsTotal: this.#scheduler.numPreemptions,
      numCancelledTotal: this.#numCancelled,
      numDraftedTokensTotal: this.#speculation.numDrafted,
      numAcceptedTokensTotal: this.#numAcceptedDrafts,
    };
  }

  /** Samples the sequences that sat out for their grammar, as far as it has answered; false when there were none. */
  async #advanceHeld(): Promise<boolean> {
    let hasHeld = false;
    for (const generation of [...this.#active.values()]) {
      const logits = generation.heldLogits;
      if (logits === null || !this.#isActive(generation)) continue;
      hasHeld = true;
      await this.#advance(generation, logits);
    }
    return hasHeld;
  }

  /** Samples a sequence's next token, once its grammar allows that. */
  async #advance(generation: ActiveGeneration, logits: Float32Array): Promise<void> {
    const { grammar } = generation.parts;
    if (grammar && !await grammar.isReadyWithin(MAX_GRAMMAR_WAIT_MS)) {
      generation.heldLogits ??= logits.slice(); // the next step overwrites them
      return;
    }
    generation.heldLogits = null;
    const sample = await this.#sample(generation, logits.subarray(0, this.#parts.text.numTokens));
    if (sample !== null) await this.#take(generation, sample);
  }

  /** Publishes a chosen token and ends the sequence where it must. */
  async #take(generation: ActiveGeneration, sample: Sample): Promise<void> {
    const { grammar } = generation.parts;
    this.#numGeneratedTokens++;
    const { isEnd, stopSequence } = generation.take(sample);
    if (isEnd) await this.#complete(generation);
    else if (stopSequence !== null) this.#finish(generation, "stop", stopSequence);
    else if (generation.isFull) {
      if (await grammar?.isComplete(generation.parts.answer)) await this.#complete(generation);
      else this.#finish(generation, "length");
    }
  }

  /** Chooses a token; null when the generation ended instead. */
  async #sample(generation: ActiveGeneration, logits: Float32Array): Promise<Sample | null> {
    const { sampler, answer, grammar } = generation.parts;
    try {
      const isOpen = grammar === null || await grammar.restrict(logits, answer);
      if (!this.#isActive(generation)) return null; // cancelled while the grammar was asked
      if (isOpen) return sampler.sample(logits);
      await this.#complete(generation);
    } catch (error) {
      this.#fail(generation, error);
    }
    return null;
  }

  /** Ends a generation that the model ended; a constrained answer is checked first. */
  async #complete(generation: ActiveGeneration): Promise<void> {
    const { answer, grammar } = generation.parts;
    if (grammar === null) return this.#finish(generation, "stop");
    try {
      generation.flush();
      await grammar.check(answer);
      this.#finish(generation, "stop");
    } catch (error) {
      this.#fail(generation, error);
    }
  }

  #finish(generation: ActiveGeneration, reason: FinishReason, stopSequence?: string): void {
    if (!this.#isActive(generation)) return;
    this.#release(generation);
    generation.finish(reason, stopSequence);
  }

  #fail(generation: ActiveGeneration, error: unknown): void {
    if (!this.#isActive(generation)) return;
    this.#release(generation);
    generation.parts.sink.onError(error);
  }

  #isActive({ id }: ActiveGeneration): boolean {
    return this.#active.has(id);
  }

  #release({ id, parts: { sequence, grammar } }: ActiveGeneration): void {
    grammar?.close();
    this.#scheduler.finish(sequence);
    this.#speculation.forget(sequence);
    this.#parts.runner.release?.(sequence.id);
    this.#active.delete(id);
  }
}
