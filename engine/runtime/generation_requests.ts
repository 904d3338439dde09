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

/** A quarter of the time that a picture stands on a screen. */
const MAX_HOLD_MS = 4;

/** Options of {@linkcode GenerationRequests}. */
export interface GenerationRequestsOptions {
  /** How long an event may wait for those of the next steps: every message costs both isolates time. @default 4 */
  maxHoldMs?: number;
}

/** Opens, cancels and reports generations of a {@linkcode ModelEngine}. */
export class GenerationRequests {
  readonly #engine: ModelEngine;
  readonly #post: (reply: WorkerReply) => void;
  readonly #maxHoldMs: number;
  /** The sender's id of each generation → the engine's. */
  readonly #ids = new Map<number, number>();
  /** The sender's ids of requests that are not accepted yet. */
  readonly #opening = new Set<number>();
  /** Events that are sent as one message. */
  #outbox: [number, GenerationEvent][] = [];
  /** When the first of them was made, by the monotonic clock. */
  #heldSince = 0;
  /** Whether one of them begins or ends an answer. */
  #isUrgent = false;

  constructor(
    engine: ModelEngine,
    post: (reply: WorkerReply) => void,
    { maxHoldMs = MAX_HOLD_MS }: GenerationRequestsOptions = {},
  ) {
    this.#engine = engine;
    this.#post = post;
    this.#maxHoldMs = maxHoldMs;
  }

  /** Queues a request; its refusal is a message too. */
  async open(id: number, request: GenerationRequest): Promise<void> {
    this.flush(); // a new prompt makes the next step a long one
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

  /**
   * Sends what steps made, unless it can go with what the next one makes: that one comes soon, and no answer begins or ends.
   *
   * @param stepMs how long the next step will take
   */
  flushDue(stepMs: number): void {
    const isSoon = performance.now() - this.#heldSince + stepMs <= this.#maxHoldMs;
    if (!isSoon || this.#isUrgent) this.flush();
  }

  /** Sends what steps made. */
  flush(): void {
    if (this.#outbox.length === 0) return;
    this.#post({ type: "events", events: this.#outbox });
    this.#outbox = [];
    this.#isUrgent = false;
  }

  #submit(id: number, request: GenerationRequest, grammar: GrammarFollower | null): void {
    let hasBegun = false;
    const sink = {
      onEvent: (event: GenerationEvent) => {
        if (this.#outbox.length === 0) this.#heldSince = performance.now();
        this.#outbox.push([id, event]);
        if (!hasBegun || event.type === "finish") this.#isUrgent = true;
        hasBegun = true;
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
