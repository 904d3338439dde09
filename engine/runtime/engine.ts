/**
 * Models on demand: finds a reference, fetches its files, loads it into a worker, and hands it the request.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { InvalidRequestError, ModelInvalidError } from "../errors.ts";
import { type AdapterInfo, inspectAdapter } from "../gpu/mod.ts";
import type {
  BackendName,
  DownloadOptions,
  Embeddings,
  EmbedRequest,
  Engine,
  GenerateOptions,
  Generation,
  GenerationRequest,
  LoadedModelStats,
  LoadModelOptions,
  ModelInfo,
  ProgressListener,
  RuntimeOptions,
  RuntimePlan,
  TokenizeRequest,
} from "../types.ts";
import type { EngineOptions } from "./engine_options.ts";
import { findCacheDir, MeasurementFile, type ReadMeasurements } from "./measurements.ts";
import { ModelFiles, type ModelOnDisk } from "./model_files.ts";
import { ModelWorker, type ModelWorkerOptions } from "./model_worker.ts";
import { parseBackend, planRuntime } from "./plan.ts";
import {
  type AcquireOptions,
  type ModelLease,
  type ModelLoad,
  ResidentModels,
} from "./resident_models.ts";

export type { EngineOptions };

/** The directory of the models that ship with the program. */
const BUILTIN_DIR = fileURLToPath(new URL("../../models", import.meta.url));

/** Parts of an engine that tests change. */
export interface EngineParts extends ModelWorkerOptions {
  /** @default asks WebGPU */
  inspectAdapter?: () => Promise<AdapterInfo>;
  /** How long a model waits for room that busy ones take. @default 60000 */
  maxWaitMs?: number;
}

/** Runs models in workers of this process. */
export class LocalEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #cacheDir: string | null;
  readonly #files: ModelFiles;
  readonly #models: ResidentModels;
  readonly #inspectAdapter: () => Promise<AdapterInfo>;
  #adapter: Promise<AdapterInfo> | null = null;

  constructor(options: EngineOptions, parts: EngineParts = {}) {
    const { hub = {}, memoryBudgetBytes = Infinity, cacheDir = findCacheDir() } = options;
    this.#options = options;
    this.#cacheDir = cacheDir;
    this.#files = new ModelFiles({
      store: {
        modelsDir: options.modelsDir ?? "models",
        builtinDir: BUILTIN_DIR,
      },
      hub,
      forceDownload: options.forceDownload ?? false,
    });
    this.#models = new ResidentModels({
      maxModels: options.maxLoadedModels ?? (memoryBudgetBytes === Infinity ? 2 : Infinity),
      budgetBytes: memoryBudgetBytes,
      keepAliveMs: options.keepAliveMs ?? Infinity,
      ...(parts.maxWaitMs === undefined ? {} : { maxWaitMs: parts.maxWaitMs }),
      start: (load, events) => new ModelWorker(load, events, parts),
    });
    this.#inspectAdapter = parts.inspectAdapter ?? inspectAdapter;
  }

  async generate(request: GenerationRequest, options: GenerateOptions = {}): Promise<Generation> {
    const lease = await this.#acquire("generate", request, options);
    try {
      const generation = await lease.worker.generate(request, options.signal);
      generation.ended.then(() => lease.release());
      return generation;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async embed(request: EmbedRequest, options: GenerateOptions = {}): Promise<Embeddings> {
    using lease = await this.#acquire("embed", request, options);
    return await lease.worker.embed(request.inputs, options.signal);
  }

  async tokenize(request: TokenizeRequest): Promise<number[]> {
    using lease = await this.#acquire(null, request);
    return await lease.worker.tokenize(request);
  }

  async detokenize(model: string, tokens: number[]): Promise<string> {
    using lease = await this.#acquire(null, { model });
    return await lease.worker.detokenize(tokens);
  }

  async load(
    reference: string,
    onProgress?: ProgressListener,
    { signal, ...options }: LoadModelOptions = {},
  ): Promise<void> {
    const lease = await this.#acquire(null, { model: reference, ...options }, {
      signal,
      onProgress,
    });
    lease.release();
  }

  async unload(reference: string): Promise<boolean> {
    const { path } = await this.#files.inspect(reference);
    return path !== null && this.#models.unload(path);
  }

  async download(reference: string, options: DownloadOptions = {}): Promise<ModelInfo> {
    this.#models.assertOpen();
    const backend = options.backend ?? this.#parseBackend();
    return await this.#files.download(reference, {
      ...options,
      ...(backend === undefined ? {} : { backend }),
    });
  }

  async remove(reference: string): Promise<number> {
    await this.unload(reference);
    return await this.#files.remove(await this.#files.inspect(reference));
  }

  async plan(options: RuntimeOptions = {}): Promise<RuntimePlan> {
    const model = await this.#files.inspect(options.model ?? "ollm-tiny", options.modelsDir);
    const plan = await this.#plan(model, options);
    if (plan.backend === null || model.path === null) return plan;
    return { ...plan, remarks: [...this.#models.remarks(model.path, plan.backend)] };
  }

  async listModels({ modelsDir }: Pick<RuntimeOptions, "modelsDir"> = {}): Promise<ModelInfo[]> {
    return await this.#files.list(modelsDir);
  }

  async inspectModel(reference: string): Promise<ModelInfo> {
    return await this.#files.inspect(reference);
  }

  async stats(): Promise<LoadedModelStats[]> {
    return await this.#models.stats();
  }

  close(): Promise<void> {
    this.#files.close();
    this.#models.close();
    return Promise.resolve();
  }

  /** The model of a request, downloaded and loaded if needed; the caller releases it. */
  async #acquire(
    task: ModelInfo["task"] | null,
    { model, backend, keepAliveMs }: { model: string; backend?: string; keepAliveMs?: number },
    options: Pick<AcquireOptions, "signal" | "onProgress"> = {},
  ): Promise<ModelLease> {
    // What a reference names costs many looks at the disk, so a model that is loaded is found by how it was asked for.
    const asked = [task, backend, model].join("\0");
    const plan = async () => {
      const info = await this.#files.provide(model, {
        ...options,
        task,
        backend: this.#parseBackend(backend),
      });
      return await this.#planLoad(info, backend);
    };
    return await this.#models.acquire(asked, plan, { ...options, keepAliveMs });
  }

  /** What loading a model takes. Asking for it throws what the plan only tells. */
  async #planLoad(info: ModelOnDisk, backend: string | undefined): Promise<ModelLoad> {
    const plan = await this.#plan(info, backend === undefined ? {} : { backend });
    if (plan.backend === null) {
      await this.#describeAdapter(); // throws where that is the reason
      const why = plan.reasons.join("; ");
      if (backend === undefined) throw new ModelInvalidError(`Cannot run "${info.name}": ${why}`);
      throw new InvalidRequestError("backend", `This backend cannot run "${info.name}": ${why}`);
    }
    const { maxWaiting = 64, defaultMaxTokens = 500, library, speculation } = this.#options;
    const { contextLength, maxSequences } = plan;
    return {
      memoryBytes: plan.memory?.totalBytes ?? info.memoryBytes,
      options: {
        model: info.name,
        dir: info.path,
        task: info.task,
        backend: plan.backend,
        library: plan.backend === "web-llm" ? library ?? info.library?.path ?? null : null,
        ...(this.#cacheDir === null ? {} : { cacheDir: this.#cacheDir }),
        maxWaiting,
        defaultMaxTokens,
        ...(contextLength === null ? {} : { contextLength }),
        ...(maxSequences === null ? {} : { maxSequences }),
        ...(speculation === undefined ? {} : { speculation }),
      },
    };
  }

  /** The backend that was asked for, of a request or of the engine; undefined leaves it to the plan. */
  #parseBackend(name = this.#options.backend): BackendName | undefined {
    return name === undefined ? undefined : parseBackend(name);
  }

  /** Plans with the engine's own settings where `options` has none. */
  async #plan(model: ModelInfo, options: RuntimeOptions): Promise<RuntimePlan> {
    const { backend, library, contextLength, maxSequences } = this.#options;
    const machine = {
      describeAdapter: () => this.#describeAdapter(),
      readMeasurements: () => this.#readMeasurements(),
    };
    return await planRuntime(model, machine, {
      ...(backend === undefined ? {} : { backend }),
      ...(library === undefined ? {} : { library }),
      ...(contextLength === undefined ? {} : { contextLength }),
      ...(maxSequences === undefined ? {} : { maxSequences }),
      ...options,
    });
  }

  async #readMeasurements(): Promise<ReadMeasurements> {
    return this.#cacheDir === null
      ? { measurements: [], fault: "this engine was told to keep no measurements" }
      : await new MeasurementFile(this.#cacheDir).read();
  }

  #describeAdapter(): Promise<AdapterInfo> {
    return this.#adapter ??= this.#inspectAdapter().catch((error) => {
      this.#adapter = null; // there may be one next time
      throw error;
    });
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
