/**
 * The generations of one worker, by the ids that their sender chose: requests in, messages out.
 *
 * @module
 */
import { toErrorRecord } from "../errors.ts";
import type { GenerationEvent, GenerationRequest } from "../types.ts";
import type { GrammarFollower } from "./grammar_follower.ts";
import type { ModelEngine } from "./model_engine.ts";
import type { WorkerReply } from "./protocol.ts";

/** Opens, cancels and reports generations of a {@linkcode ModelEngine}. */
export class GenerationRequests {
  readonly #engine: ModelEngine;
  readonly #post: (reply: WorkerReply) => void;
  /** The sender's id of each generation → the engine's. */
  readonly #ids = new Map<number, number>();
  /** The sender's ids of requests that are not accepted yet. */
  readonly #opening = new Set<number>();
  /** Events of the current step, sent as one message. */
  #outbox: [number, GenerationEvent][] = [];

  constructor(engine: ModelEngine, post: (reply: WorkerReply) => void) {
    this.#engine = engine;
    this.#post = post;
  }

  /** Queues a request; its refusal is a message too. */
  async open(id: number, request: GenerationRequest): Promise<void> {
    this.#opening.add(id);
    try {
      const grammar = await this.#engine.constrain(request);
      this.#submit(id, request, grammar);
      if (!this.#opening.delete(id)) this.#end(id); // unwanted since
    } catch (error) {
      this.#opening.delete(id);
      this.#post({ type: "error", id, error: toErrorRecord(error) });
    }
  }

  /** Ends a generation; does nothing if it has ended. */
  cancel(id: number): void {
    if (!this.#opening.delete(id)) this.#end(id);
  }

  /** Sends what the last step made. */
  flush(): void {
    if (this.#outbox.length === 0) return;
    this.#post({ type: "events", events: this.#outbox });
    this.#outbox = [];
  }

  #submit(id: number, request: GenerationRequest, grammar: GrammarFollower | null): void {
    const sink = {
      onEvent: (event: GenerationEvent) => {
        this.#outbox.push([id, event]);
        if (event.type === "finish") this.#ids.delete(id);
      },
      onError: (error: unknown) => {
        this.flush();
        this.#ids.delete(id);
        this.#post({ type: "error", id, error: toErrorRecord(error) });
      },
    };
    try {
      const accepted = this.#engine.submit(request, sink, grammar);
      this.#ids.set(id, accepted.id);
      this.#post({ type: "accepted", id, numPromptTokens: accepted.numPromptTokens });
    } catch (error) {
      grammar?.close();
      throw error;
    }
  }

  #end(id: number): void {
    const own = this.#ids.get(id);
    if (own !== undefined) this.#engine.cancel(own);
    this.flush();
  }
}
