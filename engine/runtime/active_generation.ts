/**
 * A request while it waits or runs, and how its output becomes events.
 *
 * @module
 */
import type { Sample, Sampler } from "../sampling/mod.ts";
import type { Sequence } from "../scheduler/mod.ts";
import type { TextModel } from "../text/mod.ts";
import type {
  ChosenTokenLogprob,
  FinishReason,
  GenerationEvent,
  TokenLogprob,
  Usage,
} from "../types.ts";
import type { AnswerReader, OutputPart } from "./answer.ts";
import type { GrammarFollower } from "./grammar_follower.ts";

/** Where a generation's events go. Exactly one `finish` event or one error ends them. */
export interface GenerationSink {
  onEvent(event: GenerationEvent): void;
  onError(error: unknown): void;
}

/** What an {@linkcode ActiveGeneration} is made of. */
export interface ActiveGenerationParts {
  readonly text: TextModel;
  readonly sequence: Sequence;
  readonly sampler: Sampler;
  readonly answer: AnswerReader;
  /** Null where any text will do. */
  readonly grammar: GrammarFollower | null;
  readonly sink: GenerationSink;
  /** Output tokens at most. */
  readonly maxTokens: number;
  /** Whether end-of-text tokens are tokens like others. */
  readonly ignoreEos: boolean;
}

/** One request's sequence with everything that it needs besides the model. */
export class ActiveGeneration {
  readonly parts: ActiveGenerationParts;
  /** By the monotonic clock, in ms. */
  readonly acceptedAt: number = performance.now();
  /** Logits [V] that could not be sampled yet: the grammar has not said what may follow. */
  heldLogits: Float32Array | null = null;
  /** Whether its next token can be chosen from its logits on the host only. */
  needsHost: boolean;
  #firstTokenAt: number | null = null;

  constructor(parts: ActiveGenerationParts) {
    this.parts = parts;
    this.needsHost = parts.grammar !== null || !parts.sampler.isGreedy;
  }

  /** The sequence's id. */
  get id(): number {
    return this.parts.sequence.id;
  }

  /** Whether the sequence has all the output tokens that it may have. */
  get isFull(): boolean {
    return this.numTokensLeft === 0;
  }

  /** Output tokens that it may still have. */
  get numTokensLeft(): number {
    return this.parts.maxTokens - this.#numOutputTokens;
  }

  get #numOutputTokens(): number {
    const { sequence } = this.parts;
    return sequence.tokens.length - sequence.numPromptTokens;
  }

  /**
   * Appends a chosen token and publishes what it says.
   *
   * @returns whether it is an end-of-text token, and the stop sequence that it completed
   */
  take(sample: Sample): { isEnd: boolean; stopSequence: string | null } {
    const { text, sequence, answer, grammar, ignoreEos } = this.parts;
    this.#firstTokenAt ??= performance.now();
    sequence.tokens.push(sample.token);
    // A grammar allows such a token where it may end, and nothing can follow it there.
    if (text.eosTokenIds.has(sample.token) && (!ignoreEos || grammar)) {
      return { isEnd: true, stopSequence: null };
    }
    grammar?.accept(sample.token, answer);
    const { parts, stopSequence } = answer.push(sample.token);
    this.#publish(parts, sample);
    return { isEnd: false, stopSequence };
  }

  /** Publishes what was held back, once no token follows. */
  flush(): void {
    this.#publish(this.parts.answer.flush());
  }

  /** Publishes the end. */
  finish(reason: FinishReason, stopSequence?: string): void {
    const { answer, sink } = this.parts;
    this.flush();
    const isCalling = reason === "stop" && stopSequence === undefined && answer.calls.length > 0;
    sink.onEvent({
      type: "finish",
      reason: isCalling ? "tool_calls" : reason,
      ...(stopSequence === undefined ? {} : { stopSequence }),
      usage: this.#usage(),
    });
  }

  #usage(): Usage {
    const { sequence, answer } = this.parts;
    const now = performance.now();
    const firstTokenAt = this.#firstTokenAt ?? now;
    return {
      numPromptTokens: sequence.numPromptTokens,
      numCachedTokens: sequence.numCachedTokens ?? 0,
      numOutputTokens: this.#numOutputTokens,
      numReasoningTokens: answer.numReasoningTokens,
      timeToFirstTokenMs: firstTokenAt - this.acceptedAt,
      decodeMs: now - firstTokenAt,
    };
  }

  /** Log-probabilities go with the first text, or by themselves. */
  #publish(parts: readonly OutputPart[], sample?: Sample): void {
    const { sink } = this.parts;
    let logprobs = sample?.logprob ? [this.#describeLogprob(sample)] : undefined;
    for (const part of parts) {
      const isCarrier = part.type === "text" && logprobs !== undefined;
      sink.onEvent(isCarrier ? { ...part, logprobs: logprobs! } : part);
      if (isCarrier) logprobs = undefined;
    }
    if (logprobs) sink.onEvent({ type: "text", text: "", logprobs });
  }

  #describeLogprob({ token, logprob }: Sample): ChosenTokenLogprob {
    const describe = (id: number, value: number): TokenLogprob => {
      const bytes = this.parts.text.tokenBytes(id);
      return { id, token: new TextDecoder().decode(bytes), bytes: [...bytes], logprob: value };
    };
    return {
      ...describe(token, logprob!.logprob),
      alternatives: logprob!.alternatives.map(({ id, logprob }) => describe(id, logprob)),
    };
  }
}
