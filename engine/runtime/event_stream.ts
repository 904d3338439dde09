/**
 * A generation's events between the worker that makes them and the one reader that takes them.
 *
 * @module
 */
import type { Generation, GenerationEvent } from "../types.ts";

/** Buffers events until they are read; at most the generation's own number of tokens. */
export class EventStream implements Generation {
  readonly numPromptTokens: number;
  /** Resolves when no event will be made any more: after the last one, after an error, or when the reader has left. */
  readonly ended: Promise<void>;
  readonly #onCancel: () => void;
  #events: GenerationEvent[] = [];
  #error: Error | null = null;
  #isEnded = false;
  #resolveEnded!: () => void;
  #wake: (() => void) | null = null;

  /** @param onCancel called when the reader leaves before the end */
  constructor(numPromptTokens: number, onCancel: () => void) {
    this.numPromptTokens = numPromptTokens;
    this.#onCancel = onCancel;
    this.ended = new Promise((resolve) => this.#resolveEnded = resolve);
  }

  /** Appends an event; `finish` ends the stream. */
  push(event: GenerationEvent): void {
    this.#events.push(event);
    if (event.type === "finish") this.#end();
    this.#wake?.();
  }

  /** Ends the stream with an error, behind the events that came before. */
  fail(error: Error): void {
    this.#error = error;
    this.#end();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent> {
    try {
      while (true) {
        const events = this.#events;
        this.#events = [];
        for (const event of events) yield event; // a third of the turns that `yield*` takes
        if (this.#events.length > 0) continue;
        if (this.#isEnded) break;
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = null;
      }
      if (this.#error) throw this.#error;
    } finally {
      if (!this.#isEnded) {
        this.#end();
        this.#onCancel();
      }
    }
  }

  #end(): void {
    this.#isEnded = true;
    this.#resolveEnded();
  }
}
