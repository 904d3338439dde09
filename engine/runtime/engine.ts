/**
 * Models on demand: finds a reference, loads it into a worker, keeps it, brings a worker that died back.
 *
 * @module
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  EngineError,
  InvalidRequestError,
  ModelInvalidError,
  ModelNotFoundError,
} from "../errors.ts";
import { isInside } from "../formats/mod.ts";
import { type AdapterInfo, inspectAdapter } from "../gpu/mod.ts";
import { listModels, resolveModel, type StoreOptions } from "../store/mod.ts";
import type {
  DownloadOptions,
  Embeddings,
  EmbedRequest,
  Engine,
  GenerateOptions,
  Generation,
  GenerationRequest,
  HubOptions,
  LoadedModelStats,
  LoadModelOptions,
  ModelInfo,
  ProgressListener,
  RuntimeOptions,
  RuntimePlan,
  TokenizeRequest,
} from "../types.ts";
import { ModelWorker, type ModelWorkerOptions } from "./model_worker.ts";
import { planRuntime } from "./plan.ts";

/** Options of {@linkcode createEngine}. */
export interface EngineOptions {
  /**
   * Directory of the user's own model packages.
   * @default "models"
   */
  modelsDir?: string;
  /**
   * Sequences that may wait for a place in the batch, per model.
   * @default 64
   */
  maxWaiting?: number;
  /**
   * Output tokens of a request that names no bound.
   * @default 500
   */
  defaultMaxTokens?: number;
  /**
   * Models that stay loaded; beyond it the one unused longest is unloaded as soon as it is idle.
   * @default 2
   */
  maxLoadedModels?: number;
  /** Tokens a sequence may hold. Absent: all that the model can see and memory holds. */
  contextLength?: number;
  /** Sequences that run at once. Absent: the plan's choice. */
  maxSequences?: number;
  /** What runs the models, `wgsl` or `web-llm`. Absent: the plan's choice for each. */
  backend?: string;
  /** Path of a compiled library for the `web-llm` backend, before the catalog's. */
  library?: string;
  /** Where models that are not on disk are downloaded from. @default the public hub */
  hub?: HubOptions;
  /**
   * Whether a model is downloaded again, at its first use, although it is on disk.
   * @default false
   */
  forceDownload?: boolean;
  /**
   * Device memory that all loaded models may take together, by their plans. Idle ones are unloaded, the one unused
   * longest first, until a new one fits. Absent: no bound but `maxLoadedModels`, since WebGPU does not tell how much there is.
   */
  memoryBudgetBytes?: number;
  /**
   * How long a model stays loaded after its last request; 0 unloads it as soon as it is idle.
   * @default Infinity: until another model needs the room
   */
  keepAliveMs?: number;
}

/** A worker that dies more often than this within the window is not started again by itself. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

/** A model that is loaded, is being loaded, or failed to load. */
interface LoadedModel {
  readonly info: ModelInfo & { path: string };
  readonly listeners: Set<ProgressListener>;
  worker: ModelWorker;
  lastUsedAt: number;
  /** Times of restarts, by the monotonic clock, ascending. */
  readonly restarts: number[];
}

/** The directory of the models that ship with the program. */
const BUILTIN_DIR = fileURLToPath(new URL("../../models", import.meta.url));

/** Runs models in workers of this process. */
export class LocalEngine implements Engine {
  readonly #options: Required<
    Pick<EngineOptions, "modelsDir" | "maxWaiting" | "defaultMaxTokens" | "maxLoadedModels">
  >;
  readonly #library: string | undefined;
  readonly #sizes: Pick<EngineOptions, "contextLength" | "maxSequences">;
  readonly #store: StoreOptions;
  /** By directory, so that two spellings of a reference share a model. */
  readonly #models = new Map<string, LoadedModel>();
  /** Loads one after the other; see `chooseSoftwareThreads`. */
  #loading: Promise<unknown> = Promise.resolve();
  #adapter: Promise<AdapterInfo> | null = null;
  readonly #workerOptions: ModelWorkerOptions;
  #isClosed = false;

  constructor(options: EngineOptions, workerOptions: ModelWorkerOptions = {}) {
    this.#workerOptions = workerOptions;
    const {
      modelsDir = "models",
      maxWaiting = 64,
      defaultMaxTokens = 500,
      maxLoadedModels = 2,
      contextLength,
      maxSequences,
    } = options;
    this.#library = options.library;
    this.#options = { modelsDir, maxWaiting, defaultMaxTokens, maxLoadedModels };
    this.#sizes = {
      ...(contextLength === undefined ? {} : { contextLength }),
      ...(maxSequences === undefined ? {} : { maxSequences }),
    };
    this.#store = { modelsDir, builtinDir: BUILTIN_DIR };
  }

  async generate(request: GenerationRequest, options: GenerateOptions = {}): Promise<Generation> {
    const model = await this.#acquire(request.model);
    return await model.worker.generate(request, options.signal);
  }

  async load(
    reference: string,
    onProgress?: ProgressListener,
    _options: LoadModelOptions = {},
  ): Promise<void> {
    const model = await this.#acquire(reference, onProgress);
    try {
      await model.worker.loaded;
    } finally {
      if (onProgress) model.listeners.delete(onProgress);
    }
  }

  async plan(options: RuntimeOptions = {}): Promise<RuntimePlan> {
    const store = await this.#storeAt(options.modelsDir);
    const model = await resolveModel(options.model ?? "ollm-tiny", store);
    const adapter = () => this.#adapter ??= inspectAdapter();
    return await planRuntime(model, adapter, { ...this.#sizes, ...options });
  }

  async tokenize(request: TokenizeRequest): Promise<number[]> {
    const { worker } = await this.#acquire(request.model);
    return await worker.tokenize(request);
  }

  async detokenize(model: string, tokens: number[]): Promise<string> {
    const { worker } = await this.#acquire(model);
    return await worker.detokenize(tokens);
  }

  async listModels({ modelsDir }: Pick<RuntimeOptions, "modelsDir"> = {}): Promise<ModelInfo[]> {
    return await listModels(await this.#storeAt(modelsDir));
  }

  inspectModel(reference: string): Promise<ModelInfo> {
    return resolveModel(reference, this.#store);
  }

  async download(reference: string, _options: DownloadOptions = {}): Promise<ModelInfo> {
    const info = await this.inspectModel(reference);
    if (!info.materialized) throw new ModelNotFoundError(reference, info.message);
    return info;
  }

  async remove(reference: string): Promise<number> {
    const info = await this.inspectModel(reference);
    if (!info.materialized) throw new ModelNotFoundError(reference, info.message);
    throw new InvalidRequestError(
      "model",
      `Cannot remove "${reference}": it was not downloaded; delete ${info.path} yourself`,
    );
  }

  async stats(): Promise<LoadedModelStats[]> {
    const all = [...this.#models.values()].map(async ({ worker, restarts }) => ({
      ...await worker.stats(),
      numRestartsTotal: restarts.length,
      backend: "wgsl" as const,
      memoryBytes: null,
      unloadAt: null,
    }));
    const settled = await Promise.allSettled(all);
    return settled.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  }

  async embed({ model }: EmbedRequest): Promise<Embeddings> {
    await this.inspectModel(model);
    throw new InvalidRequestError(
      "model",
      `The model "${model}" generates text; embeddings need one trained for them`,
    );
  }

  async unload(reference: string): Promise<boolean> {
    const { path } = await this.inspectModel(reference);
    const model = this.#models.get(path ?? "");
    if (!model) return false;
    this.#models.delete(model.info.path);
    model.worker.close();
    return true;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const { worker } of this.#models.values()) worker.close();
    this.#models.clear();
    return Promise.resolve();
  }

  /** The store with another models directory; the one that was configured is a wall. */
  async #storeAt(modelsDir: string | undefined): Promise<StoreOptions> {
    if (modelsDir === undefined) return this.#store;
    const path = resolve(this.#store.modelsDir, modelsDir);
    const isOurs = await isInside(this.#store.modelsDir, path).catch(() => false);
    if (isOurs) return { ...this.#store, modelsDir: path };
    throw new InvalidRequestError(
      "modelsDir",
      `Cannot look for models in ${
        JSON.stringify(modelsDir)
      }: it is no folder below the models directory`,
    );
  }

  /** The model of a reference; starts to load it if it is not there. */
  async #acquire(reference: string, onProgress?: ProgressListener): Promise<LoadedModel> {
    const info = await this.inspectModel(reference);
    if (this.#isClosed) throw new EngineError("engine_closed", "The engine was closed");
    if (info.path === null || !info.materialized) {
      throw new ModelNotFoundError(reference, info.message);
    }
    if (info.supportLevel === "unsupported") throw new ModelInvalidError(info.message);
    let model = this.#models.get(info.path);
    if (!model) {
      this.#unloadUnused();
      const listeners = new Set<ProgressListener>();
      model = {
        info: { ...info, path: info.path },
        listeners,
        worker: this.#start({ ...info, path: info.path }, listeners),
        lastUsedAt: 0,
        restarts: [],
      };
      this.#models.set(info.path, model);
      this.#watch(model);
    }
    model.lastUsedAt = performance.now();
    if (onProgress) model.listeners.add(onProgress);
    return model;
  }

  #start(info: LoadedModel["info"], listeners: Set<ProgressListener>): ModelWorker {
    const { maxWaiting, defaultMaxTokens } = this.#options;
    const worker = new ModelWorker(
      {
        model: info.name,
        dir: info.path,
        task: info.task,
        backend: "wgsl",
        library: this.#library ?? info.library?.path ?? null,
        maxWaiting,
        defaultMaxTokens,
        ...this.#sizes,
      },
      (share, stage) => listeners.forEach((listener) => listener(share, stage)),
      this.#loading,
      this.#workerOptions,
    );
    this.#loading = worker.loaded.catch(() => {});
    return worker;
  }

  /** Starts a worker that died again; one that never loaded, or dies over and over, is forgotten instead. */
  async #watch(model: LoadedModel): Promise<void> {
    const { worker } = model;
    await worker.died;
    if (this.#models.get(model.info.path) !== model) return;
    const now = performance.now();
    const recent = model.restarts.filter((at) => now - at < RESTART_WINDOW_MS);
    if (!worker.hasLoaded || recent.length >= MAX_RESTARTS) {
      this.#models.delete(model.info.path);
      return;
    }
    model.restarts.push(now);
    model.worker = this.#start(model.info, model.listeners);
    await this.#watch(model);
  }

  /** Makes room for one more model. */
  #unloadUnused(): void {
    const idle = [...this.#models.entries()]
      .filter(([, { worker }]) => !worker.isBusy)
      .sort(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt);
    for (const [path, { worker }] of idle) {
      if (this.#models.size < this.#options.maxLoadedModels) return;
      worker.close();
      this.#models.delete(path);
    }
  }
}

/**
 * Creates an engine. Nothing is loaded before the first request or `load()`.
 *
 * @throws nothing; a missing adapter shows when a model is loaded
 */
export function createEngine(options: EngineOptions = {}): Engine {
  return new LocalEngine(options);
}
