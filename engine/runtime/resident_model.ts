/**
 * One model that takes room on the device: its worker, who uses it, and how long it stays when nobody does.
 *
 * @module
 */
import type { LoadedModelStats, ProgressListener } from "../types.ts";
import type { ModelWorker } from "./model_worker.ts";
import type { LoadOptions } from "./protocol.ts";

/** What a load takes, known before it begins. */
export interface ModelLoad {
  options: LoadOptions;
  /** Bytes on the device; null where nobody can tell. */
  memoryBytes: number | null;
}

/** Longest time that a timer can wait: 24 days. What is to stay longer stays. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A model that is loaded, is being loaded, or waits for room. */
export class ResidentModel {
  readonly load: ModelLoad;
  /** Resolves with the worker once it has loaded; another promise after a restart. */
  ready!: Promise<ModelWorker>;
  /** Null while the model waits for room. */
  worker: ModelWorker | null = null;
  /** Whether its memory counts. */
  hasRoom = false;
  /** Whether it was unloaded: nothing may be started for it any more. */
  isGone = false;
  /** By the monotonic clock. */
  lastUsedAt = 0;
  /** Times of restarts, by the monotonic clock, ascending. */
  readonly restarts: number[] = [];
  readonly #listeners = new Set<ProgressListener>();
  #numUsers = 0;
  #keepAliveMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unloadAt: number | null = null;

  constructor(load: ModelLoad) {
    this.load = load;
  }

  /** Whether a request needs it. */
  get isBusy(): boolean {
    return this.#numUsers > 0;
  }

  /** One more request needs it; what it says of its keep-alive holds from now on. */
  addUser(keepAliveMs: number): void {
    this.#numUsers++;
    this.#keepAliveMs = keepAliveMs;
    this.lastUsedAt = performance.now();
    this.stopClock();
  }

  /** One request less needs it. */
  removeUser(): void {
    this.#numUsers--;
    this.lastUsedAt = performance.now();
  }

  /** Calls `onExpire` when nobody has used the model for as long as its last request said. */
  startClock(onExpire: () => void): void {
    this.stopClock();
    if (this.#keepAliveMs > MAX_TIMER_MS) return;
    this.#unloadAt = Date.now() + this.#keepAliveMs;
    this.#timer = setTimeout(onExpire, this.#keepAliveMs);
    Deno.unrefTimer(this.#timer);
  }

  /** Stops what {@linkcode startClock} started. */
  stopClock(): void {
    clearTimeout(this.#timer);
    this.#unloadAt = null;
  }

  /** Tells everyone who listens how far loading is. */
  report(share: number, stage: string): void {
    for (const listener of this.#listeners) listener(share, stage);
  }

  /** Tells `listener` too, while `work` lasts. */
  async reportTo<T>(listener: ProgressListener | undefined, work: Promise<T>): Promise<T> {
    if (listener) this.#listeners.add(listener);
    try {
      return await work;
    } finally {
      if (listener) this.#listeners.delete(listener);
    }
  }

  /** Its counters; zeros while it loads. */
  async stats(): Promise<LoadedModelStats> {
    const { load: { options, memoryBytes }, worker, restarts } = this;
    const hasLoaded = worker?.hasLoaded ?? false;
    const counters = hasLoaded ? await worker!.stats() : { ...NO_COUNTERS, model: options.model };
    return {
      ...counters,
      numRestartsTotal: restarts.length,
      state: hasLoaded ? "loaded" : "loading",
      backend: options.backend,
      memoryBytes,
      unloadAt: this.#unloadAt,
    };
  }
}

const NO_COUNTERS = {
  numWaiting: 0,
  numRunning: 0,
  numBlocks: 0,
  numFreeBlocks: 0,
  numStepsTotal: 0,
  numGeneratedTokensTotal: 0,
  numPreemptionsTotal: 0,
  numCancelledTotal: 0,
  numDraftedTokensTotal: 0,
  numAcceptedTokensTotal: 0,
};
