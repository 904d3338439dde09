/**
 * The engine's side of one model's worker: requests out, events in, and what happens when it dies.
 *
 * @module
 */
import { EngineError, fromErrorRecord } from "../errors.ts";
import type {
  Embeddings,
  EmbedRequest,
  GenerationRequest,
  ProgressListener,
  TokenizeRequest,
} from "../types.ts";
import { EventStream } from "./event_stream.ts";
import type {
  LoadOptions,
  WorkerAnswer,
  WorkerReply,
  WorkerRequest,
  WorkerStats,
} from "./protocol.ts";

/** Settles a promise that a message will answer. */
interface Pending<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** The real worker; tests put others in its place. */
const WORKER_URL = new URL("./worker.ts", import.meta.url);

/** How long a busy worker may say nothing; one step of a large prompt on a CPU takes seconds. */
const SILENCE_LIMIT_MS = 120_000;

/** Options of {@linkcode ModelWorker} that tests change. */
export interface ModelWorkerOptions {
  /** What to start. @default the real worker */
  url?: URL;
  /** How long a busy worker may say nothing before it counts as dead. @default 120000 */
  silenceLimitMs?: number;
}

/** What a worker tells whoever started it. */
export interface ModelWorkerEvents {
  /** Loading has come this far. */
  onProgress: ProgressListener;
  /** It died by itself, of no more use; called before its requests hear of it. */
  onDied: () => void;
}

/** A model in a worker of its own. Ending the worker gives all memory back. */
export class ModelWorker {
  /** Rejects if the model cannot be loaded. */
  readonly loaded: Promise<void>;
  readonly #worker: Worker;
  readonly #events: ModelWorkerEvents;
  readonly #pendingGenerations = new Map<number, Pending<EventStream>>();
  readonly #pendingAnswers = new Map<number, Pending<WorkerAnswer>>();
  /** Accepted generations that have not ended. */
  readonly #streams = new Map<number, EventStream>();
  #pendingLoad!: Pending<void>;
  readonly #watchdog: ReturnType<typeof setInterval>;
  #lastHeardAt = 0;
  #nextId = 1;
  #hasLoaded = false;
  #remarks: readonly string[] = [];
  /** Why it ended; null while it is alive. */
  #ending: Error | null = null;

  /** Starts a worker that loads at once. */
  constructor(
    options: LoadOptions,
    events: ModelWorkerEvents,
    { url = WORKER_URL, silenceLimitMs = SILENCE_LIMIT_MS }: ModelWorkerOptions = {},
  ) {
    this.#events = events;
    this.loaded = new Promise((resolve, reject) => this.#pendingLoad = { resolve, reject });
    this.loaded.catch(() => {}); // whoever uses the model awaits it too
    this.#worker = new Worker(url, {
      type: "module",
      name: options.model,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
      this.#lastHeardAt = performance.now();
      this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or the runtime ends the whole process
      this.#die(new EngineError("engine_failed", `The model's worker died: ${event.message}`));
    };
    this.#watchdog = setInterval(() => this.#checkPulse(silenceLimitMs), silenceLimitMs / 4);
    Deno.unrefTimer(this.#watchdog);
    this.#send({ type: "load", options });
  }

  /** What loading found out that no plan can know; empty before. */
  get remarks(): readonly string[] {
    return this.#remarks;
  }

  /** Whether loading has succeeded. */
  get hasLoaded(): boolean {
    return this.#hasLoaded;
  }

  /** Queues a request; see `Engine.generate`. */
  async generate(request: GenerationRequest, signal?: AbortSignal): Promise<EventStream> {
    await this.#live(signal);
    const id = this.#nextId++;
    signal?.addEventListener("abort", () => this.#send({ type: "cancel", id }), { once: true });
    return await new Promise<EventStream>((resolve, reject) => {
      this.#pendingGenerations.set(id, { resolve, reject });
      this.#send({ type: "generate", id, request });
    });
  }

  /** See `Engine.embed`; rejects with the reason of `signal`. */
  async embed(inputs: EmbedRequest["inputs"], signal?: AbortSignal): Promise<Embeddings> {
    return await this.#ask((id) => ({ type: "embed", id, inputs }), signal) as Embeddings;
  }

  /** See `Engine.tokenize`. */
  async tokenize(request: TokenizeRequest): Promise<number[]> {
    return await this.#ask((id) => ({ type: "tokenize", id, request })) as number[];
  }

  /** See `Engine.detokenize`. */
  async detokenize(tokens: number[]): Promise<string> {
    return await this.#ask((id) => ({ type: "detokenize", id, tokens })) as string;
  }

  /** The model's counters. */
  async stats(): Promise<WorkerStats> {
    return await this.#ask((id) => ({ type: "stats", id })) as WorkerStats;
  }

  /** Ends the worker and everything in it. */
  close(): void {
    this.#end(new EngineError("engine_closed", "The model was unloaded"));
  }

  /** Asks a question that one message answers. */
  async #ask(
    question: (id: number) => WorkerRequest,
    signal?: AbortSignal,
  ): Promise<WorkerAnswer> {
    await this.#live(signal);
    const id = this.#nextId++;
    return await new Promise<WorkerAnswer>((resolve, reject) => {
      this.#pendingAnswers.set(id, { resolve, reject });
      signal?.addEventListener("abort", () => {
        if (!this.#pendingAnswers.delete(id)) return;
        this.#send({ type: "cancel", id });
        reject(signal.reason);
      }, { once: true });
      this.#send(question(id));
    });
  }

  /** Resolves when the worker can be asked; a message to one that ended would never be answered. */
  async #live(signal?: AbortSignal): Promise<void> {
    await this.loaded;
    signal?.throwIfAborted();
    if (this.#ending !== null) throw this.#ending;
  }

  #send(message: WorkerRequest): void {
    this.#worker.postMessage(message);
  }

  #receive(reply: WorkerReply): void {
    switch (reply.type) {
      case "progress":
        this.#events.onProgress(reply.share, reply.stage);
        break;
      case "loaded":
        this.#hasLoaded = true;
        this.#remarks = reply.remarks;
        this.#pendingLoad.resolve();
        break;
      case "accepted":
        this.#accept(reply.id, reply.numPromptTokens);
        break;
      case "events":
        for (const [id, event] of reply.events) {
          this.#streams.get(id)?.push(event);
          if (event.type === "finish") this.#streams.delete(id);
        }
        break;
      case "pong":
        break;
      case "answer":
        this.#pendingAnswers.get(reply.id)?.resolve(reply.value);
        this.#pendingAnswers.delete(reply.id);
        break;
      case "error": {
        const error = fromErrorRecord(reply.error);
        this.#streams.get(reply.id)?.fail(error);
        this.#streams.delete(reply.id);
        for (const pending of [this.#pendingGenerations, this.#pendingAnswers]) {
          pending.get(reply.id)?.reject(error);
          pending.delete(reply.id);
        }
        break;
      }
      case "failed":
        this.#die(fromErrorRecord(reply.error));
    }
  }

  get #isBusy(): boolean {
    return this.#pendingGenerations.size + this.#pendingAnswers.size + this.#streams.size > 0;
  }

  /** A worker that spins, or that closed itself, tells nobody: it is dead when it is busy and silent. */
  #checkPulse(silenceLimitMs: number): void {
    if (!this.#isBusy) {
      this.#lastHeardAt = performance.now();
      return;
    }
    const silentMs = performance.now() - this.#lastHeardAt;
    if (silentMs <= silenceLimitMs) return this.#send({ type: "ping" });
    const seconds = Math.round(silentMs / 1000);
    this.#die(new EngineError("engine_failed", `The model's worker was silent for ${seconds} s`));
  }

  #accept(id: number, numPromptTokens: number): void {
    const stream = new EventStream(numPromptTokens, () => {
      this.#streams.delete(id);
      this.#send({ type: "cancel", id });
    });
    this.#streams.set(id, stream);
    this.#pendingGenerations.get(id)?.resolve(stream);
    this.#pendingGenerations.delete(id);
  }

  #die(error: Error): void {
    this.#end(error, this.#events.onDied);
  }

  /** Ends the worker; everyone who waits for it gets `error`, after `onEnd` was called. */
  #end(error: Error, onEnd: () => void = () => {}): void {
    if (this.#ending !== null) return;
    this.#ending = error;
    clearInterval(this.#watchdog);
    this.#worker.terminate();
    onEnd();
    this.#pendingLoad.reject(error);
    for (const pending of this.#pendingGenerations.values()) pending.reject(error);
    for (const pending of this.#pendingAnswers.values()) pending.reject(error);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#pendingGenerations.clear();
    this.#pendingAnswers.clear();
    this.#streams.clear();
  }
}
