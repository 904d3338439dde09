/**
 * The generations of one model that have not ended, and every way in which they end.
 *
 * @module
 */
import { EngineError } from "../errors.ts";
import type { Scheduler, Speculation } from "../scheduler/mod.ts";
import type { FinishReason } from "../types.ts";
import type { ActiveGeneration } from "./active_generation.ts";
import type { Runner } from "./runner.ts";

/** What hears of an end. */
export interface ActiveGenerationsParts {
  readonly runner: Pick<Runner, "release">;
  readonly scheduler: Pick<Scheduler, "finish" | "numWaiting">;
  readonly speculation: Pick<Speculation, "forget">;
}

/** Those of one model, by number. Whoever has ended is here no more, and is ended by nothing again. */
export class ActiveGenerations {
  readonly #parts: ActiveGenerationsParts;
  readonly #generations = new Map<number, ActiveGeneration>();
  #numCancelled = 0;

  constructor(parts: ActiveGenerationsParts) {
    this.#parts = parts;
  }

  /** Those that {@linkcode cancel} has ended. */
  get numCancelled(): number {
    return this.#numCancelled;
  }

  add(generation: ActiveGeneration): void {
    this.#generations.set(generation.id, generation);
  }

  get(id: number): ActiveGeneration | undefined {
    return this.#generations.get(id);
  }

  has({ id }: ActiveGeneration): boolean {
    return this.#generations.has(id);
  }

  /** All of now: they may end while they are gone through. */
  list(): ActiveGeneration[] {
    return [...this.#generations.values()];
  }

  /** Frees a generation's blocks at once and ends its events with `cancelled`; does nothing if it has ended. */
  cancel(id: number): void {
    const generation = this.get(id);
    if (!generation) return;
    this.#numCancelled++;
    this.finish(generation, "cancelled");
  }

  /** Ends a generation that the model ended; a constrained answer is checked first. */
  async complete(generation: ActiveGeneration): Promise<void> {
    const { answer, grammar } = generation.parts;
    if (grammar === null) return this.finish(generation, "stop");
    try {
      generation.flush();
      await grammar.check(answer);
      this.finish(generation, "stop");
    } catch (error) {
      this.fail(generation, error);
    }
  }

  finish(generation: ActiveGeneration, reason: FinishReason, stopSequence?: string): void {
    if (!this.has(generation)) return;
    this.#release(generation);
    generation.finish(reason, stopSequence);
  }

  fail(generation: ActiveGeneration, error: unknown): void {
    if (!this.has(generation)) return;
    this.#release(generation);
    generation.parts.sink.onError(error);
  }

  /** Ends all with `error`. */
  failAll(error: unknown): void {
    for (const generation of this.list()) this.fail(generation, error);
  }

  /** Ends what has waited too long for its first step: its client has better things to do. */
  refuseLate(maxWaitMs: number): void {
    if (this.#parts.scheduler.numWaiting === 0) return;
    const oldest = performance.now() - maxWaitMs;
    for (const generation of this.list()) {
      const { acceptedAt, parts: { sequence } } = generation;
      if (sequence.numCachedTokens !== null || acceptedAt >= oldest) continue;
      const seconds = maxWaitMs / 1000;
      const message = `The request waited ${seconds} s for a place in the batch; try later`;
      this.fail(generation, new EngineError("queue_timeout", message));
    }
  }

  #release({ id, parts: { sequence, grammar } }: ActiveGeneration): void {
    const { runner, scheduler, speculation } = this.#parts;
    grammar?.close();
    scheduler.finish(sequence);
    speculation.forget(sequence);
    runner.release?.(sequence.id);
    this.#generations.delete(id);
  }
}
