/**
 * One loaded model: requests in, events out. `step()` is the heart: schedule, run, sample, publish.
 *
 * @module
 */
import { EngineError } from "../errors.ts";
import { checkBiasedTokens, createSampler, resolveSampling } from "../sampling/mod.ts";
import { Scheduler, Speculation, type SpeculationMode } from "../scheduler/mod.ts";
import type { TextModel } from "../text/mod.ts";
import type { GenerationRequest, ModelStats, SamplingParams } from "../types.ts";
import { ActiveGeneration, type GenerationSink } from "./active_generation.ts";
import { ActiveGenerations } from "./active_generations.ts";
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
import { SingleStep } from "./single_step.ts";

export type { GenerationSink } from "./active_generation.ts";

/** Time that a sequence may wait for its first step. */
const MAX_WAIT_MS = 60_000;

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
  readonly #singleStep: SingleStep;
  readonly #generations: ActiveGenerations;
  readonly #constraints: Constraints;
  #numSteps = 0;

  constructor(parts: ModelEngineParts) {
    this.#parts = parts;
    const { limits } = parts.runner;
    this.#scheduler = new Scheduler({ ...limits, maxWaiting: parts.maxWaiting });
    const mode = limits.canRewind ? parts.speculation ?? "auto" : "off";
    this.#speculation = new Speculation(this.#scheduler, { ...limits, mode });
    const shared = {
      runner: parts.runner,
      scheduler: this.#scheduler,
      speculation: this.#speculation,
    };
    const generations = this.#generations = new ActiveGenerations(shared);
    const { numTokens } = parts.text;
    const singleStep = this.#singleStep = new SingleStep({ ...shared, generations, numTokens });
    this.#multiStep = new MultiStep({
      ...shared,
      numChoices: Math.min(numTokens, limits.vocabSize),
      generationOf: ({ id }) => generations.get(id),
      take: (generation, token) => singleStep.take(generation, { token, logprob: null }),
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
    this.#generations.add(generation);
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
    this.#generations.cancel(id);
  }

  /** One step, or several that the runner computes together, for every running sequence; false when there was nothing to do. */
  async step(): Promise<boolean> {
    this.#generations.refuseLate(this.#parts.maxWaitMs ?? MAX_WAIT_MS);
    const hasHeld = await this.#singleStep.advanceHeld();
    const plan = this.#scheduler.schedule();
    if (plan.length === 0) return hasHeld;
    const drafts = this.#speculation.draft(plan);
    const numSteps = this.#multiStep.choose(plan, drafts);
    if (numSteps > 0) await this.#multiStep.run(plan, numSteps);
    else await this.#singleStep.run(plan, drafts);
    this.#numSteps += Math.max(1, numSteps);
    return true;
  }

  /** Ends every generation and the grammars' worker. */
  close(): void {
    this.failAll(new EngineError("engine_closed", "The model was unloaded"));
    this.#constraints.close();
  }

  /** Ends every generation with `error`. */
  failAll(error: unknown): void {
    this.#generations.failAll(error);
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
      numGeneratedTokensTotal: this.#singleStep.numGeneratedTokens,
      numPreemptionsTotal: this.#scheduler.numPreemptions,
      numCancelledTotal: this.#generations.numCancelled,
      numDraftedTokensTotal: this.#speculation.numDrafted,
      numAcceptedTokensTotal: this.#singleStep.numAcceptedDrafts,
    };
  }
}
