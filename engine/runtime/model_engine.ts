/**
 * One loaded model: requests in, events out. `step()` is the heart: schedule, run, sample, publish.
 *
 * @module
 */
import { ContextLengthError, InvalidRequestError } from "../errors.ts";
import { createSampler, resolveSampling, type Sample, type Sampler } from "../sampling/mod.ts";
import { type ScheduledSequence, Scheduler, type Sequence } from "../scheduler/mod.ts";
import type { Detokenizer, TextModel } from "../text/mod.ts";
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
import type { Runner, RunnerEntry } from "./runner.ts";

/** Stop sequences of a request; longer lists are refused. */
const MAX_STOP_SEQUENCES = 4;

/** What a {@linkcode ModelEngine} is made of. */
export interface ModelEngineParts {
  readonly model: string;
  readonly runner: Runner;
  readonly text: TextModel;
  /** The model's own sampling defaults. */
  readonly sampling: SamplingParams;
  /** Sequences that may wait. */
  readonly maxWaiting: number;
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
  readonly detokenizer: Detokenizer;
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
  #numSteps = 0;
  #numGeneratedTokens = 0;
  #numCancelled = 0;

  constructor(parts: ModelEngineParts) {
    this.#parts = parts;
    this.#scheduler = new Scheduler({ ...parts.runner.limits, maxWaiting: parts.maxWaiting });
  }

  /**
   * Checks, tokenizes and queues a request.
   *
   * @returns the generation's id, for {@linkcode cancel}
   * @throws {InvalidRequestError | ContextLengthError | QueueFullError} see `Engine.generate`
   */
  submit(
    request: GenerationRequest,
    sink: GenerationSink,
  ): { id: number; numPromptTokens: number } {
    this.#scheduler.assertRoom(); // before the work of tokenizing
    const sampling = resolveSampling(request.sampling ?? {}, this.#parts.sampling);
    const detokenizer = this.#parts.text.createDetokenizer({
      stop: [...this.#parts.text.stopStrings, ...checkStop(request.stop ?? [])],
    });
    const promptTokens = this.#encode(request);
    const maxTokens = this.#boundOutput(promptTokens.length, request.maxTokens);
    const sequence = this.#scheduler.add(promptTokens);
    this.#active.set(sequence.id, {
      sequence,
      sampler: createSampler(sampling, promptTokens),
      detokenizer,
      sink,
      maxTokens,
      ignoreEos: request.ignoreEos ?? false,
      acceptedAt: performance.now(),
      firstTokenAt: null,
    });
    return { id: sequence.id, numPromptTokens: promptTokens.length };
  }

  /** See `Engine.tokenize`. */
  tokenize({ messages, prompt, tools }: Omit<TokenizeRequest, "model">): number[] {
    if ((messages === undefined) === (prompt === undefined)) {
      throw new InvalidRequestError("messages", "Give either messages or a prompt");
    }
    return messages === undefined
      ? this.#parts.text.encodeText(prompt!)
      : this.#parts.text.encodeChat(messages, tools);
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
      if (sequenceLogits) this.#advance(generation, sequenceLogits);
    }
    return true;
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
  #advance(generation: ActiveGeneration, logits: Float32Array): void {
    const { sequence, sampler, detokenizer, sink, maxTokens, ignoreEos } = generation;
    let sample: Sample;
    try {
      sample = sampler.sample(logits.subarray(0, this.#parts.text.numTokens));
    } catch (error) {
      this.#fail(generation, error);
      return;
    }
    generation.firstTokenAt ??= performance.now();
    sequence.tokens.push(sample.token);
    this.#numGeneratedTokens++;
    if (!ignoreEos && this.#parts.text.eosTokenIds.has(sample.token)) {
      this.#finish(generation, "stop");
      return;
    }
    const { text, stopSequence } = detokenizer.push(sample.token);
    const logprobs = sample.logprob ? [this.#describeLogprob(sample)] : undefined;
    if (text !== "" || logprobs) {
      sink.onEvent({ type: "text", text, ...(logprobs && { logprobs }) });
    }
    if (stopSequence !== null) this.#finish(generation, "stop", stopSequence);
    else if (sequence.tokens.length - sequence.numPromptTokens === maxTokens) {
      this.#finish(generation, "length");
    }
  }

  #finish(generation: ActiveGeneration, reason: FinishReason, stopSequence?: string): void {
    const { sequence, detokenizer, sink, acceptedAt, firstTokenAt } = generation;
    const now = performance.now();
    this.#release(generation);
    const rest = stopSequence === undefined ? detokenizer.flush() : "";
    if (rest !== "") sink.onEvent({ type: "text", text: rest });
    sink.onEvent({
      type: "finish",
      reason,
      ...(stopSequence === undefined ? {} : { stopSequence }),
      usage: {
        numPromptTokens: sequence.numPromptTokens,
        numCachedTokens: sequence.numCachedTokens ?? 0,
        numOutputTokens: sequence.tokens.length - sequence.numPromptTokens,
        numReasoningTokens: 0,
        timeToFirstTokenMs: (firstTokenAt ?? now) - acceptedAt,
        decodeMs: now - (firstTokenAt ?? now),
      },
    });
  }

  #fail(generation: ActiveGeneration, error: unknown): void {
    this.#release(generation);
    generation.sink.onError(error);
  }

  #release({ sequence }: ActiveGeneration): void {
    this.#scheduler.finish(sequence);
    this.#active.delete(sequence.id);
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
