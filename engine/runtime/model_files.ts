/**
 * The engine's view of the store: references become models on disk, by a download where needed. Knows nothing of what runs
 * them.
 *
 * @module
 */
import { resolve } from "node:path";
import {
  EngineError,
  InvalidRequestError,
  ModelInvalidError,
  ModelNotFoundError,
} from "../errors.ts";
import { isInside } from "../formats/mod.ts";
import { downloadModel } from "../store/download/mod.ts";
import {
  lacksLibrary,
  listModels,
  removeModel,
  resolveModel,
  type StoreOptions,
} from "../store/mod.ts";
import type {
  BackendName,
  DownloadOptions,
  DownloadProgress,
  HubOptions,
  ModelInfo,
  ProgressListener,
} from "../types.ts";
import { SharedDownloads } from "./shared_downloads.ts";

/** Options of {@linkcode ModelFiles}. */
export interface ModelFilesOptions {
  store: StoreOptions;
  hub: HubOptions;
  /** Whether each model is downloaded again at its first use. */
  forceDownload: boolean;
}

/** Options of {@linkcode ModelFiles.provide}. */
export interface ProvideOptions {
  /** What the model must do; null takes any. */
  task: ModelInfo["task"] | null;
  /** What will run it; absent leaves the choice to the plan. */
  backend?: BackendName | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

/** A model whose files are here. */
export type ModelOnDisk = ModelInfo & { path: string };

/** Finds, fetches and deletes models. */
export class ModelFiles {
  readonly #options: ModelFilesOptions;
  readonly #downloads = new SharedDownloads();
  /** Directories whose model was downloaded again already. */
  readonly #refreshed = new Set<string>();

  constructor(options: ModelFilesOptions) {
    this.#options = options;
  }

  /** What a reference names, as it is now. */
  async inspect(reference: string, modelsDir?: string): Promise<ModelInfo> {
    return await resolveModel(reference, await this.#storeAt(modelsDir));
  }

  /** See `Engine.listModels`. */
  async list(modelsDir?: string): Promise<ModelInfo[]> {
    return await listModels(await this.#storeAt(modelsDir));
  }

  /**
   * A model that can be loaded; downloads what is missing of it.
   *
   * @throws {ModelNotFoundError} nothing has this reference
   * @throws {ModelInvalidError} the package is damaged or unsupported
   * @throws {InvalidRequestError} the model does something else
   * @throws {DownloadError} offline, or the hub does not give it
   */
  async provide(
    reference: string,
    { task, backend, signal, onProgress }: ProvideOptions,
  ): Promise<ModelOnDisk> {
    let info = await this.inspect(reference);
    // Of a repository that nobody looked at yet, nobody knows what it does.
    if (info.supportLevel !== "unsupported") requireTask(info, task);
    const isRefreshed = !this.#options.forceDownload || this.#refreshed.has(info.path ?? "");
    const isHere = info.materialized && !await lacksLibrary(withNeededLibrary(info, backend));
    if (info.repository !== null && !(isHere && isRefreshed)) {
      info = await this.download(reference, {
        force: !isRefreshed,
        ...(backend === undefined ? {} : { backend }),
        ...(signal ? { signal } : {}),
        ...(onProgress ? { onProgress: (progress) => report(progress, onProgress) } : {}),
      });
    }
    const { path } = info;
    if (path === null || !info.materialized) throw new ModelNotFoundError(reference, info.message);
    // A library that the user names may run what nobody else knows: the plan will tell.
    if (info.supportLevel === "unsupported" && backend !== "web-llm") {
      throw new ModelInvalidError(info.message);
    }
    requireTask(info, task);
    return { ...info, path };
  }

  /** See `Engine.download`. */
  async download(reference: string, options: DownloadOptions = {}): Promise<ModelInfo> {
    const { force = false, backend, ...rest } = options;
    const info = withNeededLibrary(await this.inspect(reference), backend);
    if (info.path === null) throw new ModelNotFoundError(reference, info.message);
    const { hub } = this.#options;
    await this.#downloads.join(
      [info.path, info.library?.path, force].join("\0"),
      (options) => downloadModel(info, { hub, force, ...options }),
      rest,
    );
    if (force) this.#refreshed.add(info.path);
    const now = await this.inspect(reference);
    if (now.materialized) return now;
    throw new ModelNotFoundError(reference, now.message);
  }

  /** See `Engine.remove`; whatever has the files loaded was ended before. */
  async remove(info: ModelInfo): Promise<number> {
    return await removeModel(info, this.#options.store);
  }

  /** Stops all downloads. */
  close(): void {
    this.#downloads.close(new EngineError("engine_closed", "The engine was closed"));
  }

  /** The store with another models directory; the one that was configured is a wall. */
  async #storeAt(modelsDir: string | undefined): Promise<StoreOptions> {
    const { store } = this.#options;
    if (modelsDir === undefined) return store;
    const path = resolve(store.modelsDir, modelsDir);
    const isOurs = await isInside(store.modelsDir, path).catch(() => false);
    if (isOurs) return { ...store, modelsDir: path };
    throw new InvalidRequestError(
      "modelsDir",
      `Cannot look for models in ${
        JSON.stringify(modelsDir)
      }: it is no folder below the models directory`,
    );
  }
}

function report(
  { file, numBytes, totalBytes }: DownloadProgress,
  listener: ProgressListener,
): void {
  listener(totalBytes === null ? 0 : numBytes / Math.max(1, totalBytes), `downloading ${file}`);
}

/** Without its compiled library where our own kernels will run the model: only what is needed is fetched. */
function withNeededLibrary(info: ModelInfo, backend: BackendName | undefined): ModelInfo {
  const isNeeded = backend === "web-llm" || info.supportLevel !== "optimized";
  return isNeeded ? info : { ...info, library: null };
}

/** @throws {InvalidRequestError} the model does something else */
function requireTask({ reference, task }: ModelInfo, wanted: ProvideOptions["task"]): void {
  if (wanted === null || task === wanted) return;
  throw new InvalidRequestError(
    "model",
    task === "embed"
      ? `The model "${reference}" turns texts into vectors and cannot generate; use it for embeddings`
      : `The model "${reference}" generates text and was not trained for embeddings; ` +
        "averages of its states would find the wrong documents",
  );
}
