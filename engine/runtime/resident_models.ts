/**
 * Which models are loaded: on demand, within a budget, the one unused longest making room for the next; a worker that died
 * comes back. Knows neither references nor files.
 *
 * @module
 */
import { DeviceError, EngineError } from "../errors.ts";
import type { BackendName, LoadedModelStats, ProgressListener } from "../types.ts";
import type { ModelWorker, ModelWorkerEvents } from "./model_worker.ts";
import type { LoadOptions } from "./protocol.ts";
import { type ModelLoad, ResidentModel } from "./resident_model.ts";
import { Changes, Turns, untilAborted } from "./waiting.ts";

export type { ModelLoad } from "./resident_model.ts";

/** Options of {@linkcode ResidentModels}. */
export interface ResidentModelsOptions {
  /** Models at once. */
  maxModels: number;
  /** Memory of all models together; Infinity sets no bound. */
  budgetBytes: number;
  /** How long a model stays after a request that does not say; Infinity keeps it until another needs the room. */
  keepAliveMs: number;
  /** How long a model waits for room that busy ones take. @default 60000 */
  maxWaitMs?: number;
  /** Starts a worker that loads at once. */
  start(options: LoadOptions, events: ModelWorkerEvents): ModelWorker;
}

/** Options of {@linkcode ResidentModels.acquire}. */
export interface AcquireOptions {
  /** Ends the wait; a load that has begun goes on. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
  keepAliveMs?: number | undefined;
}

/** A worker that dies more often than this within the window is not started again by itself. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

const MAX_WAIT_MS = 60_000;

/** What requests call a model is kept while it is loaded, but not without end: each spelling of a path is another name. */
const MAX_NAMES = 256;
const MAX_NAME_LENGTH = 1024;

/** A loaded model in use: it is not unloaded to make room before it is released. */
export class ModelLease implements Disposable {
  readonly worker: ModelWorker;
  #onRelease: (() => void) | null;

  constructor(worker: ModelWorker, onRelease: () => void) {
    this.worker = worker;
    this.#onRelease = onRelease;
  }

  /** The model is not needed any more; does nothing the second time. */
  release(): void {
    this.#onRelease?.();
    this.#onRelease = null;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** The models that take room on the device. */
export class ResidentModels {
  readonly #options: ResidentModelsOptions;
  /** In the order in which they came. */
  readonly #models = new Set<ResidentModel>();
  /** What requests call them; a model may have several names. */
  readonly #names = new Map<string, ResidentModel>();
  /** Whoever came first gets the room first. */
  readonly #roomTurns = new Turns();
  /** Loads one after the other; see `setSoftwareMode`. */
  readonly #loadTurns = new Turns();
  readonly #changes = new Changes();
  #isClosed = false;

  constructor(options: ResidentModelsOptions) {
    this.#options = options;
  }

  /**
   * Loads the model if needed.
   *
   * @param name what the caller calls it; two names may turn out to be one model
   * @param plan called if nothing with this name is there, or where its name was not kept
   * @throws {DeviceError} `out_of_memory`: it is larger than the budget
   * @throws {EngineError} `queue_timeout`: busy models took the room for too long
   */
  async acquire(
    name: string,
    plan: () => Promise<ModelLoad>,
    { signal, onProgress, keepAliveMs = this.#options.keepAliveMs }: AcquireOptions = {},
  ): Promise<ModelLease> {
    this.assertOpen();
    const model = this.#names.get(name) ?? this.#enter(name, await plan());
    model.addUser(keepAliveMs);
    try {
      const worker = await model.reportTo(onProgress, untilAborted(model.ready, signal));
      return new ModelLease(worker, () => this.#release(model));
    } catch (error) {
      this.#release(model);
      throw error;
    }
  }

  /** Ends the workers of a package; false if there were none. */
  unload(dir: string): boolean {
    const models = [...this.#models].filter(({ load }) => load.options.dir === dir);
    for (const model of models) this.#forget(model);
    return models.length > 0;
  }

  /** What loading a package found out; empty while it is not loaded. */
  remarks(dir: string, backend: BackendName): readonly string[] {
    const model = [...this.#models].find(({ load: { options } }) =>
      options.dir === dir && options.backend === backend
    );
    return model?.worker?.remarks ?? [];
  }

  /** All models with their counters; one that dies meanwhile is left out. */
  async stats(): Promise<LoadedModelStats[]> {
    const settled = await Promise.allSettled([...this.#models].map((model) => model.stats()));
    return settled.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  }

  /** Ends all workers; nothing can be acquired any more. */
  close(): void {
    this.#isClosed = true;
    for (const model of [...this.#models]) this.#forget(model);
  }

  /** @throws {EngineError} `engine_closed` after {@linkcode close} */
  assertOpen(): void {
    if (this.#isClosed) throw new EngineError("engine_closed", "The engine was closed");
  }

  /** The model that `load` describes, which may be here under another name. */
  #enter(name: string, load: ModelLoad): ResidentModel {
    this.assertOpen(); // it may have been closed while the load was planned
    let model = [...this.#models].find((other) => isSame(other.load.options, load.options));
    if (!model) {
      model = new ResidentModel(load);
      this.#models.add(model);
      this.#begin(model);
    }
    if (this.#names.size < MAX_NAMES && name.length <= MAX_NAME_LENGTH) {
      this.#names.set(name, model);
    }
    return model;
  }

  #begin(model: ResidentModel): void {
    const { maxWaitMs = MAX_WAIT_MS } = this.#options;
    const deadline = performance.now() + maxWaitMs;
    const hasRoom = this.#roomTurns.take(() => this.#makeRoom(model, deadline));
    model.ready = hasRoom.then(() => this.#start(model));
    model.ready.catch(() => this.#forget(model));
  }

  /** Starts a model's worker; resolves when it has loaded. */
  #start(model: ResidentModel): Promise<ModelWorker> {
    return this.#loadTurns.take(async () => {
      if (model.isGone) throw unloaded();
      const worker = this.#options.start(model.load.options, {
        onProgress: (share, stage) => model.report(share, stage),
        onDied: () => this.#revive(model, worker),
      });
      model.worker = worker;
      await worker.loaded;
      if (!model.isBusy) this.#startClock(model); // whoever wanted it has left
      return worker;
    });
  }

  /** Starts a worker that died again; one that never loaded, or dies over and over, is forgotten instead. */
  #revive(model: ResidentModel, worker: ModelWorker): void {
    if (model.isGone) return;
    const now = performance.now();
    const recent = model.restarts.filter((at) => now - at < RESTART_WINDOW_MS);
    if (!worker.hasLoaded || recent.length >= MAX_RESTARTS) return this.#forget(model);
    model.restarts.push(now);
    model.worker = null;
    model.ready = this.#start(model);
    model.ready.catch(() => this.#forget(model));
  }

  #release(model: ResidentModel): void {
    model.removeUser();
    if (!model.isBusy && !model.isGone) {
      // A load that has begun goes on: whoever left will often try again.
      if (!model.hasRoom) this.#forget(model);
      else if (model.worker?.hasLoaded) this.#startClock(model);
    }
    this.#changes.notify();
  }

  #startClock(model: ResidentModel): void {
    model.startClock(() => this.#forget(model));
  }

  #forget(model: ResidentModel): void {
    if (model.isGone) return;
    model.isGone = true;
    model.stopClock();
    this.#models.delete(model);
    for (const [name, named] of this.#names) if (named === model) this.#names.delete(name);
    model.worker?.close();
    this.#changes.notify();
  }

  /**
   * Unloads idle models, the one unused longest first, until `model` fits; waits for busy ones.
   *
   * @param deadline by the monotonic clock
   */
  async #makeRoom(model: ResidentModel, deadline: number): Promise<void> {
    const { budgetBytes } = this.#options;
    const { options: { model: name }, memoryBytes } = model.load;
    if ((memoryBytes ?? 0) > budgetBytes) {
      throw new DeviceError(
        "out_of_memory",
        `Cannot load "${name}": it needs ${memoryBytes} bytes of device memory, the budget is ${budgetBytes}; ` +
          "take a smaller model, or raise memory_budget_bytes",
      );
    }
    while (!model.isGone && !this.#fits(model.load)) {
      const idle = this.#findOldestIdle();
      if (idle) {
        this.#forget(idle);
        continue;
      }
      model.report(0, "waiting for room");
      if (!await this.#changes.wait(deadline - performance.now())) throw this.#noRoom(name);
    }
    if (model.isGone) throw unloaded();
    model.hasRoom = true;
  }

  #fits({ memoryBytes }: ModelLoad): boolean {
    const { maxModels, budgetBytes } = this.#options;
    const others = this.#listWithRoom();
    const usedBytes = others.reduce((sum, { load }) => sum + (load.memoryBytes ?? 0), 0);
    return others.length < maxModels && usedBytes + (memoryBytes ?? 0) <= budgetBytes;
  }

  #findOldestIdle(): ResidentModel | undefined {
    return this.#listWithRoom()
      .filter(({ isBusy }) => !isBusy)
      .reduce<ResidentModel | undefined>(
        (oldest, model) => oldest && oldest.lastUsedAt <= model.lastUsedAt ? oldest : model,
        undefined,
      );
  }

  #listWithRoom(): ResidentModel[] {
    return [...this.#models].filter(({ hasRoom }) => hasRoom);
  }

  #noRoom(name: string): EngineError {
    const busy = this.#listWithRoom().map(({ load }) => load.options.model).join(", ");
    return new EngineError(
      "queue_timeout",
      `Cannot load "${name}" now: busy models take all the room (${busy}); try again later`,
    );
  }
}

/** Whether two loads give the same: aliases of one package differ in nothing but their name. */
function isSame(a: LoadOptions, b: LoadOptions): boolean {
  const withoutName = (options: LoadOptions) => JSON.stringify({ ...options, model: "" });
  return withoutName(a) === withoutName(b);
}

function unloaded(): EngineError {
  return new EngineError("engine_closed", "The model was unloaded");
}
