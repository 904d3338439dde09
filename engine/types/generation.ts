/**
 * Requests for text and vectors, and what comes of them.
 *
 * @module
 */
import type { ChatMessage, ResponseFormat, ToolChoice, ToolDefinition } from "./chat.ts";
import type { ProgressListener } from "./models.ts";

/** How the next token is chosen. Every field is optional; absent means the model's default, then the one stated. */
export interface SamplingParams {
  /**
   * Divides the logits; 0 is greedy (argmax).
   * @default 0
   */
  temperature?: number;
  /** Keeps the k most likely tokens. Absent keeps all. */
  topK?: number;
  /** Keeps the smallest set of tokens whose probability reaches p, 0 < p ≤ 1. Absent keeps all. */
  topP?: number;
  /** Drops tokens less likely than this share of the most likely one, 0 ≤ p ≤ 1. */
  minP?: number;
  /**
   * Subtracted from the logit of every token already generated, -2 to 2.
   * @default 0
   */
  presencePenalty?: number;
  /**
   * Subtracted once for each time a token was generated, -2 to 2.
   * @default 0
   */
  frequencyPenalty?: number;
  /**
   * Divides positive and multiplies negative logits of tokens in prompt and output, > 0.
   * @default 1
   */
  repetitionPenalty?: number;
  /** Same seed, same text. Absent takes a random one. */
  seed?: number;
  /** Added to a token's logit before anything else: token id → -100 to 100. */
  logitBias?: Record<number, number>;
  /** Reports the log-probability of each token with this many alternatives, 0 to 20. Absent reports none. */
  logprobs?: number;
}

/** One generation to run. */
export interface GenerationRequest {
  /** Model reference, for example `ollm-tiny`. */
  model: string;
  /** A conversation, rendered with the model's chat template; or `prompt`. */
  messages?: ChatMessage[];
  /** Raw text, tokenized as it is; or `messages`. */
  prompt?: string;
  /** Functions offered to the model through its template. */
  tools?: ToolDefinition[];
  /**
   * Which of the tools must be called. Arguments always satisfy the tool's schema.
   * @default "auto" with tools, else "none"
   */
  toolChoice?: ToolChoice;
  /**
   * Whether one answer may call several functions.
   * @default true
   */
  parallelToolCalls?: boolean;
  /**
   * What the answer's text must be. Not together with a forced tool call.
   * @default text
   */
  responseFormat?: ResponseFormat;
  /** How tokens are chosen. */
  sampling?: SamplingParams;
  /** Texts that end the output and are not part of it; at most 4, matched across token boundaries. */
  stop?: string[];
  /**
   * Upper bound of generated tokens. Absent: the smaller of the engine's default and what the context still holds.
   * Given: prompt + maxTokens must fit the context length.
   */
  maxTokens?: number;
  /** Goes on past end-of-text tokens; for measurements. */
  ignoreEos?: boolean;
  /** How long the model stays loaded when this request was its last one; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}

/** Log-probability of one token. */
export interface TokenLogprob {
  /** Vocabulary index. */
  id: number;
  /** The token's own text; may be a part of a character, then with U+FFFD. */
  token: string;
  /** The token's own bytes. */
  bytes: number[];
  /** Natural logarithm of the probability, after temperature-free softmax of the processed logits. */
  logprob: number;
}

/** Log-probability of a chosen token with its most likely alternatives, most likely first. */
export interface ChosenTokenLogprob extends TokenLogprob {
  /** At most `SamplingParams.logprobs` entries. */
  alternatives: TokenLogprob[];
}

/** Why a generation ended. */
export type FinishReason = "stop" | "length" | "tool_calls" | "cancelled";

/** Token counts and times of a finished generation. */
export interface Usage {
  /** Tokens of the rendered prompt. */
  numPromptTokens: number;
  /** Prompt tokens whose KV was found in the prefix cache. */
  numCachedTokens: number;
  /** Generated tokens, the end-of-text token included. */
  numOutputTokens: number;
  /** Those of them that are reasoning. */
  numReasoningTokens: number;
  /** From acceptance to the first generated token, in ms. */
  timeToFirstTokenMs: number;
  /** From the first to the last generated token, in ms. */
  decodeMs: number;
}

/** What a generation yields: any number of parts, then exactly one `finish`. */
export type GenerationEvent =
  | {
    /** The model thinks aloud, before its answer. */
    type: "reasoning";
    /** Whole characters only. */
    text: string;
  }
  | {
    /** A function call begins; its arguments follow. */
    type: "tool_call";
    /** Place among the calls of this answer, from 0. */
    index: number;
    /** Name of the function. */
    name: string;
  }
  | {
    /** A piece of a call's arguments. */
    type: "tool_call_arguments";
    /** Which call. */
    index: number;
    /** JSON text; all pieces together are one JSON object. */
    text: string;
  }
  | {
    /** Something to show. */
    type: "text";
    /** Whole characters only; may be empty when it carries log-probabilities of held-back tokens. */
    text: string;
    /** Present when asked for: the tokens that were added since the last event. */
    logprobs?: ChosenTokenLogprob[];
  }
  | {
    /** The end; nothing follows. */
    type: "finish";
    /** Why. */
    reason: FinishReason;
    /** The stop sequence that ended the text, where one did. */
    stopSequence?: string;
    /** Token counts and times. */
    usage: Usage;
  };

/** An accepted generation. Breaking out of the iteration, or aborting the signal, frees its sequence. */
export interface Generation extends AsyncIterable<GenerationEvent> {
  /** Tokens of the rendered prompt. */
  readonly numPromptTokens: number;
}

/** Options of {@linkcode Engine.generate} and {@linkcode Engine.embed}. */
export interface GenerateOptions {
  /**
   * Aborting it stops a download that nobody else waits for, and cancels the sequence between two steps; the iteration ends
   * with `cancelled`.
   */
  signal?: AbortSignal;
  /** Told how far a download and a load are that the request waits for. */
  onProgress?: ProgressListener;
}

/** Texts to turn into vectors. */
export interface EmbedRequest {
  /** Model reference. */
  model: string;
  /** Texts, or token ids without the tokens that the model puts around them. */
  inputs: (string | number[])[];
  /** How long the model stays loaded when this request was its last one; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}

/** What {@linkcode Engine.embed} gives. */
export interface Embeddings {
  /** One vector an input, in their order; f32, of length 1. */
  vectors: Float32Array[];
  /** Tokens of all inputs, those around them included. */
  numPromptTokens: number;
}
