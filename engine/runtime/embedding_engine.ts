/**
 * One loaded embedding model: texts in, vectors out. Requests share batches; each batch holds texts of similar length, since
 * all are padded to the longest.
 *
 * @module
 */
import { EngineError, InvalidRequestError, QueueFullError } from "../errors.ts";
import type { TextModel } from "../text/mod.ts";
import type { Embeddings, EmbedRequest } from "../types.ts";
import type { Embedder } from "./embedder.ts";
import { decodeTokens, encodePrompt, type PromptRequest } from "./prompt.ts";
import type { WorkerStats } from "./protocol.ts";

/** What an {@linkcode EmbeddingEngine} is made of. */
export interface EmbeddingEngineParts {
  readonly model: string;
  readonly embedder: Embedder;
  readonly text: TextModel;
  /** Requests that may wait. */
  readonly maxWaiting: number;
}

/** A request that is not finished. */
interface ActiveRequest {
  readonly id: number;
  readonly vectors: Float32Array[];
  numLeft: number;
  readonly numPromptTokens: number;
  resolve(embeddings: Embeddings): void;
  reject(error: unknown): void;
}

/** One text that waits for its batch. */
interface WaitingInput {
  readonly request: ActiveRequest;
  /** Place in its request. */
  readonly index: number;
  readonly tokens: readonly number[];
}

/** Runs the requests of one embedding model. `step()` runs one batch. */
export class EmbeddingEngine {
  readonly #parts: EmbeddingEngineParts;
  /** By the caller's id, in the order in which they came. */
  readonly #requests = new Map<number, ActiveRequest>();
  /** Shortest first. */
  #waiting: WaitingInput[] = [];
  #numBatches = 0;
  #numCancelled = 0;

  constructor(parts: EmbeddingEngineParts) {
    this.#parts = parts;
  }

  /**
   * Checks, tokenizes and queues a request.
   *
   * @param id the caller's, for {@linkcode cancel}
   * @returns the vectors, once enough steps were taken
   * @throws {InvalidRequestError | EngineError | QueueFullError} see `Engine.embed`
   */
  submit(id: number, inputs: EmbedRequest["inputs"]): Promise<Embeddings> {
    const { maxWaiting } = this.#parts;
    if (this.#requests.size >= maxWaiting) throw new QueueFullError(maxWaiting);
    const tokens = inputs.map((input, index) => this.#encode(input, index));
    const numPromptTokens = tokens.reduce((sum, { length }) => sum + length, 0);
    if (tokens.length === 0) return Promise.resolve({ vectors: [], numPromptTokens });
    return new Promise((resolve, reject) => {
      const numLeft = tokens.length;
      const request = { id, vectors: [], numLeft, numPromptTokens, resolve, reject };
      this.#requests.set(id, request);
      this.#waiting.push(...tokens.map((tokens, index) => ({ request, index, tokens })));
      this.#waiting.sort((a, b) => a.tokens.length - b.tokens.length);
    });
  }

  /** Takes a request out of all batches to come; does nothing if it has ended. */
  cancel(id: number): void {
    const request = this.#requests.get(id);
    if (!request) return;
    this.#numCancelled++;
    this.#remove(request);
    request.reject(new EngineError("engine_closed", "The request was cancelled"));
  }

  /** Runs one batch; false when there was nothing to do. */
  async step(): Promise<boolean> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return false;
    const vectors = await this.#parts.embedder.embed(batch.map(({ tokens }) => tokens));
    this.#numBatches++;
    for (const [i, { request, index }] of batch.entries()) {
      this.#put(request, index, vectors[i]!);
    }
    return true;
  }

  /** See `Engine.tokenize`. */
  tokenize(request: PromptRequest): number[] {
    const { text } = this.#parts;
    return request.prompt === undefined || request.messages
      ? encodePrompt(text, request)
      : text.encodeForEmbedding(request.prompt);
  }

  /** See `Engine.detokenize`. */
  detokenize(tokens: readonly number[]): string {
    return decodeTokens(this.#parts.text, tokens);
  }

  /** Ends every request with `error`. */
  failAll(error: unknown): void {
    for (const request of [...this.#requests.values()]) {
      this.#remove(request);
      request.reject(error);
    }
  }

  /** Current counters; sequences are texts, steps are batches. */
  stats(): WorkerStats {
    return {
      model: this.#parts.model,
      numWaiting: this.#waiting.length,
      numRunning: this.#requests.size,
      numBlocks: 0,
      numFreeBlocks: 0,
      numStepsTotal: this.#numBatches,
      numGeneratedTokensTotal: 0,
      numPreemptionsTotal: 0,
      numCancelledTotal: this.#numCancelled,
      numDraftedTokensTotal: 0,
      numAcceptedTokensTotal: 0,
    };
  }

  /** @throws {InvalidRequestError | EngineError} the input is empty, no text of this model, or too long */
  #encode(input: string | number[], index: number): number[] {
    const { text, embedder: { maxTokens } } = this.#parts;
    if (input.length === 0) {
      throw new InvalidRequestError("inputs", `Input ${index} is empty; give at least 1 character`);
    }
    const unknown = typeof input === "string"
      ? undefined
      : input.find((id) => !(Number.isInteger(id) && id >= 0 && id < text.numTokens));
    if (unknown !== undefined) {
      throw new InvalidRequestError(
        "inputs",
        `Input ${index}: ${unknown} is no token; the vocabulary has 0 to ${text.numTokens - 1}`,
      );
    }
    const tokens = text.encodeForEmbedding(input);
    if (tokens.length <= maxTokens) return tokens;
    throw new EngineError(
      "context_length_exceeded",
      `Input ${index} has ${tokens.length} tokens; the model sees ${maxTokens}; shorten or split it`,
      { param: "inputs" },
    );
  }

  /**
   * The next batch: the request that came first is always in it, with those texts around its shortest one that differ least
   * in length.
   */
  #takeBatch(): WaitingInput[] {
    const size = Math.min(this.#parts.embedder.maxBatch, this.#waiting.length);
    const [first] = this.#requests.values();
    const place = this.#waiting.findIndex(({ request }) => request === first);
    const lengthAt = (i: number) => this.#waiting[i]!.tokens.length;
    let start = Math.max(0, place - size + 1);
    for (let i = start + 1; i <= Math.min(place, this.#waiting.length - size); i++) {
      if (lengthAt(i + size - 1) - lengthAt(i) < lengthAt(start + size - 1) - lengthAt(start)) {
        start = i;
      }
    }
    return this.#waiting.splice(start, size);
  }

  #put(request: ActiveRequest, index: number, vector: Float32Array): void {
    if (this.#requests.get(request.id) !== request) return; // cancelled while the batch ran
    if (!normalize(vector)) {
      this.#remove(request);
      const message =
        `The model gave no usable vector for input ${index}; its weights may be damaged`;
      return request.reject(new EngineError("engine_failed", message));
    }
    request.vectors[index] = vector;
    if (--request.numLeft > 0) return;
    this.#requests.delete(request.id);
    request.resolve({ vectors: request.vectors, numPromptTokens: request.numPromptTokens });
  }

  #remove(request: ActiveRequest): void {
    this.#requests.delete(request.id);
    this.#waiting = this.#waiting.filter((input) => input.request !== request);
  }
}

/** Divides a vector by its length, in place; false where it has none, or one that is not finite. */
function normalize(vector: Float32Array): boolean {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  if (!(length > 0 && length < Infinity)) return false;
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return true;
}
