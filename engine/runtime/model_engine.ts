/**
 * One loaded model: requests in, events out. `step()` is the heart: schedule, run, sample, publish.
 *
 * @module
 */
import { ContextLengthError, EngineError, InvalidRequestError, QueueFullError } from "../errors.ts";
import { GrammarService, type GrammarSession } from "../sampling/grammar/mod.ts";
import { createSampler, resolveSampling, type Sample, type Sampler } from "../sampling/mod.ts";
import { type ScheduledSequence, Scheduler, type Sequence } from "../scheduler/mod.ts";
import { type TextModel, THINK_OPEN } from "../text/mod.ts";
import type {
  ChosenTokenLogprob,
  FinishReason,
  GenerationEvent,
  GenerationRequest,
  ModelStats,
  SamplingParams,
  TokenizeRequest,
  TokenLogprob,
} from "../types.ts";
import { AnswerReader, type OutputPart } from "./answer.ts";
import { answerOptions, constrain, encodeMessages, resolveTools } from "./demands.ts";
import { type FollowerTokens, GrammarFollower } from "./grammar_follower.ts";
import type { Runner, RunnerEntry } from "./runner.ts";

/** Stop sequences of a request; longer lists are refused. */
const MAX_STOP_SEQUENCES = 4;

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
}

/** Where a generation's events go. Exactly one `finish` event or one error ends them. */
export interface GenerationSink {
  onEvent(event: GenerationEvent): void;
  onError(error: unknown): void;
}

/** A request while it waits or runs. */
interface ActiveGeneration {
  readonly sequence: Sequence;
  readonly sampler: Sampler;
  readonly answer: AnswerReader;
  /** Null where any text will do. */
  readonly grammar: GrammarFollower | null;
  readonly sink: GenerationSink;
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  readonly acceptedAt: number;
  firstTokenAt: number | null;
}

/** Runs the requests of one model in batches. */
export class ModelEngine {
  readonly #parts: ModelEngineParts;
  readonly #scheduler: Scheduler;
  readonly #active = new Map<number, ActiveGeneration>();
  readonly #grammars: GrammarService;
  #followerTokens: FollowerTokens | null = null;
  /** Requests whose grammar is being compiled. */
  #numOpening = 0;
  #numSteps = 0;
  #numGeneratedTokens = 0;
  #numCancelled = 0;

  constructor(parts: ModelEngineParts) {
    this.#parts = parts;
    this.#scheduler = new Scheduler({ ...parts.runner.limits, maxWaiting: parts.maxWaiting });
    const { numTokens, eosTokenIds } = parts.text;
    this.#grammars = new GrammarService({
      numTokens,
      eosTokenIds,
      tokenBytes: (id) => parts.text.markedTokenBytes(id),
    });
  }

  /**
   * Compiles the grammar that a request's tools and format demand, for {@linkcode submit}.
   *
   * @returns null where any text will do; else a session that its owner closes
   * @throws {InvalidRequestError | QueueFullError} see `Engine.generate`
   */
  async constrain(request: GenerationRequest): Promise<GrammarSession | null> {
    this.#scheduler.assertRoom();
    const constraint = constrain(request, this.#parts.text);
    if (constraint === null) return null;
    const { maxWaiting } = this.#parts;
    if (this.#numOpening >= maxWaiting) throw new QueueFullError(maxWaiting);
    this.#numOpening++;
    try {
      return await this.#grammars.open(constraint);
    } finally {
      this.#numOpening--;
    }
  }

  /**
   * Checks, tokenizes and queues a request.
   *
   * @param session what {@linkcode constrain} gave; from here on it is closed when the generation ends
   * @returns the generation's id, for {@linkcode cancel}
   * @throws {InvalidRequestError | ContextLengthError | QueueFullError} see `Engine.generate`
   */
  submit(
    request: GenerationRequest,
    sink: GenerationSink,
    session: GrammarSession | null = null,
  ): { id: number; numPromptTokens: number } {
    this.#scheduler.assertRoom(); // before the work of tokenizing
    const sampling = resolveSampling(request.sampling ?? {}, this.#parts.sampling);
    const { text } = this.#parts;
    const stop = [...text.stopStrings, ...checkStop(request.stop ?? [])];
    const promptTokens = this.#encode(request);
    const answer = new AnswerReader(text, { stop, ...answerOptions(request, promptTokens, text) });
    const maxTokens = this.#boundOutput(promptTokens.length, request.maxTokens);
    const sequence = this.#scheduler.add(promptTokens);
    this.#active.set(sequence.id, {
      sequence,
      sampler: createSampler(sampling, promptTokens),
      answer,
      grammar: session && new GrammarFollower(session, this.#getFollowerTokens()),
      sink,
      maxTokens,
      ignoreEos: request.ignoreEos ?? false,
      acceptedAt: performance.now(),
      firstTokenAt: null,
    });
    return { id: sequence.id, numPromptTokens: promptTokens.length };
  }

  /** See `Engine.tokenize`. */
  tokenize(
    { messages, prompt, ...rest }:
      & Omit<TokenizeRequest, "model">
      & Pick<GenerationRequest, "toolChoice">,
  ): number[] {
    if ((messages === undefined) === (prompt === undefined)) {
      throw new InvalidRequestError("messages", "Give either messages or a prompt");
    }
    return messages === undefined
      ? this.#parts.text.encodeText(prompt!)
      : encodeMessages(messages, resolveTools(rest), this.#parts.text);
  }

  /** See `Engine.detokenize`. */
  detokenize(tokens: readonly number[]): string {
    const { numTokens } = this.#parts.text;
    const detokenizer = this.#parts.text.createDetokenizer({ stop: [] });
    let text = "";
    for (const token of tokens) {
      if (!(Number.isInteger(token) && token >= 0 && token < numTokens)) {
        throw new InvalidRequestError(
          "tokens",
          `${token} is no token; the vocabulary has 0 to ${numTokens - 1}`,
        );
      }
      text += detokenizer.push(token).text;
    }
    return text + detokenizer.flush();
  }

  /** Frees a generation's blocks at once and ends its events with `cancelled`; does nothing if it has ended. */
  cancel(id: number): void {
    const generation = this.#active.get(id);
    if (!generation) return;
    this.#numCancelled++;
    this.#finish(generation, "cancelled");
  }

  /** One step for every running sequence; false when there was nothing to do. */
  async step(): Promise<boolean> {
    this.#refuseLate();
    const plan = this.#scheduler.schedule();
    if (plan.length === 0) return false;
    const logits = await this.#parts.runner.run(plan.map(toRunnerEntry));
    this.#numSteps++;
    const { vocabSize } = this.#parts.runner.limits;
    let row = 0;
    for (const { sequence, numTokens, isLast } of plan) {
      const sequenceLogits = isLast ? logits.subarray(row * vocabSize, ++row * vocabSize) : null;
      const generation = this.#active.get(sequence.id);
      if (!generation) continue; // cancelled while the step ran
      this.#scheduler.commit(sequence, numTokens);
      if (sequenceLogits) await this.#advance(generation, sequenceLogits);
    }
    return true;
  }

  /** Ends what has waited too long for its first step: its client has better things to do. */
  #refuseLate(): void {
    if (this.#scheduler.numWaiting === 0) return;
    const { maxWaitMs = MAX_WAIT_MS } = this.#parts;
    const oldest = performance.now() - maxWaitMs;
    for (const generation of [...this.#active.values()]) {
      const { sequence, acceptedAt } = generation;
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
    this.#grammars.close();
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
    };
  }

  #encode(request: GenerationRequest): number[] {
    const tokens = this.tokenize(request);
    if (tokens.length === 0) {
      throw new InvalidRequestError(
        "prompt",
        "The prompt is empty: there is nothing to go on from",
      );
    }
    return tokens;
  }

  #boundOutput(numPromptTokens: number, maxTokens: number | undefined): number {
    const { contextLength } = this.#parts.runner.limits;
    if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
      throw new InvalidRequestError(
        "max_tokens",
        `maxTokens is ${maxTokens}; a whole number above 0 is needed`,
      );
    }
    const numLeft = contextLength - numPromptTokens;
    if (numLeft < (maxTokens ?? 1)) {
      throw new ContextLengthError(numPromptTokens, maxTokens ?? 1, contextLength);
    }
    return maxTokens ?? Math.min(this.#parts.defaultMaxTokens, numLeft);
  }

  /** Samples a sequence's next token, publishes its text and ends the sequence where it must. */
  async #advance(generation: ActiveGeneration, logits: Float32Array): Promise<void> {
    const { sequence, answer, grammar, maxTokens, ignoreEos } = generation;
    const sample = await this.#sample(generation, logits.subarray(0, this.#parts.text.numTokens));
    if (sample === null) return;
    generation.firstTokenAt ??= performance.now();
    sequence.tokens.push(sample.token);
    this.#numGeneratedTokens++;
    const isEnd = this.#parts.text.eosTokenIds.has(sample.token);
    if (isEnd && (!ignoreEos || grammar)) return await this.#complete(generation);
    grammar?.accept(sample.token, answer);
    const { parts, stopSequence } = answer.push(sample.token);
    this.#publish(generation, parts, sample);
    if (stopSequence !== null) this.#finish(generation, "stop", stopSequence);
    else if (sequence.tokens.length - sequence.numPromptTokens === maxTokens) {
      if (await this.#hasEnded(generation)) await this.#complete(generation);
      else this.#finish(generation, "length");
    }
  }

  /** Chooses a token; null when the generation ended instead. */
  async #sample(generation: ActiveGeneration, logits: Float32Array): Promise<Sample | null> {
    const { sampler, answer, grammar } = generation;
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

  /** Whether the grammar of a sequence allows nothing more. */
  async #hasEnded({ grammar, answer }: ActiveGeneration): Promise<boolean> {
    try {
      return grammar !== null && await grammar.isComplete(answer);
    } catch {
      return false; // the grammar is gone, and so is the answer's end
    }
  }

  /** Ends a generation that the model ended; a constrained answer is checked first. */
  async #complete(generation: ActiveGeneration): Promise<void> {
    const { answer, grammar } = generation;
    this.#publish(generation, answer.flush());
    if (grammar === null) return this.#finish(generation, "stop");
    let fault: unknown = null;
    try {
      const message = await grammar.check(answer);
      if (message !== null) {
        fault = new EngineError(
          "engine_failed",
          `The model's answer breaks its schema: ${message}; ask again, or make the schema simpler`,
        );
      }
    } catch (error) {
      fault = error;
    }
    if (fault === null) this.#finish(generation, "stop");
    else this.#fail(generation, fault);
  }

  /** Log-probabilities go with the first text, or by themselves. */
  #publish({ sink }: ActiveGeneration, parts: readonly OutputPart[], sample?: Sample): void {
    let logprobs = sample?.logprob ? [this.#describeLogprob(sample)] : undefined;
    for (const part of parts) {
      const isCarrier = part.type === "text" && logprobs !== undefined;
      sink.onEvent(isCarrier ? { ...part, logprobs: logprobs! } : part);
      if (isCarrier) logprobs = undefined;
    }
    if (logprobs) sink.onEvent({ type: "text", text: "", logprobs });
  }

  #finish(generation: ActiveGeneration, reason: FinishReason, stopSequence?: string): void {
    if (!this.#isActive(generation)) return;
    const { sequence, answer, sink, acceptedAt, firstTokenAt } = generation;
    const now = performance.now();
    this.#release(generation);
    this.#publish(generation, answer.flush());
    const isCalling = reason === "stop" && stopSequence === undefined && answer.calls.length > 0;
    sink.onEvent({
      type: "finish",
      reason: isCalling ? "tool_calls" : reason,
      ...(stopSequence === undefined ? {} : { stopSequence }),
      usage: {
        numPromptTokens: sequence.numPromptTokens,
        numCachedTokens: sequence.numCachedTokens ?? 0,
        numOutputTokens: sequence.tokens.length - sequence.numPromptTokens,
        numReasoningTokens: answer.numReasoningTokens,
        timeToFirstTokenMs: (firstTokenAt ?? now) - acceptedAt,
        decodeMs: now - (firstTokenAt ?? now),
      },
    });
  }

  #fail(generation: ActiveGeneration, error: unknown): void {
    if (!this.#isActive(generation)) return;
    this.#release(generation);
    generation.sink.onError(error);
  }

  #isActive({ sequence }: ActiveGeneration): boolean {
    return this.#active.has(sequence.id);
  }

  #release({ sequence, grammar }: ActiveGeneration): void {
    grammar?.close();
    this.#scheduler.finish(sequence);
    this.#active.delete(sequence.id);
  }

  /** Looked up at the first constrained request. */
  #getFollowerTokens(): FollowerTokens {
    const { text } = this.#parts;
    if (this.#followerTokens) return this.#followerTokens;
    let think: number | null = null;
    for (let id = 0; text.thinks && think === null && id < text.numTokens; id++) {
      if (new TextDecoder().decode(text.markedTokenBytes(id)) === THINK_OPEN) think = id;
    }
    return this.#followerTokens = { eosTokenIds: text.eosTokenIds, think };
  }

  #describeLogprob({ token, logprob }: Sample): ChosenTokenLogprob {
    const describe = (id: number, value: number): TokenLogprob => {
      const bytes = this.#parts.text.tokenBytes(id);
      return { id, token: new TextDecoder().decode(bytes), bytes: [...bytes], logprob: value };
    };
    return {
      ...describe(token, logprob!.logprob),
      alternatives: logprob!.alternatives.map(({ id, logprob }) => describe(id, logprob)),
    };
  }
}

function toRunnerEntry({ sequence, numTokens, isLast }: ScheduledSequence): RunnerEntry {
  const { tokens, numComputed, table } = sequence;
  return {
    tokens: tokens.slice(numComputed, numComputed + numTokens),
    firstPosition: numComputed,
    blocks: table.blocks,
    wantsLogits: isLast,
  };
}

function checkStop(stop: readonly string[]): readonly string[] {
  if (stop.length > MAX_STOP_SEQUENCES) {
    throw new InvalidRequestError(
      "stop",
      `${stop.length} stop sequences were given; at most ${MAX_STOP_SEQUENCES} are possible`,
    );
  }
  return stop;
}
