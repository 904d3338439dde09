/**
 * Models: what there is, where it comes from, how it gets here.
 *
 * @module
 */

/** What computes a model: our own kernels, or a compiled model library. */
export type BackendName = "wgsl" | "web-llm";

/** How well a model can be run here. */
export type SupportLevel = "optimized" | "generic" | "unsupported";

/** A compiled model library: what the `web-llm` backend runs a package with. */
export interface ModelLibrary {
  /** Absolute path of the `.wasm`, whether or not it is there yet. */
  path: string;
  /** Where it is fetched from; null for a file of the user's own. */
  url: string | null;
}

/** What is known of a model without loading it. */
export interface ModelInfo {
  /** The text to send as `model`. */
  reference: string;
  /** Directory name or alias. */
  name: string;
  /**
   * `builtin` ships with the program, `hugging-face` is a hub repository (also behind an alias), `local-path` is a
   * directory, `opaque` resolves to nothing.
   */
  sourceKind: "builtin" | "hugging-face" | "local-path" | "opaque";
  /** Where the listing found it; null when it was asked for by name. */
  discoverySource: "built-in" | "discovered-local" | null;
  /** Hub repository `org/name`; null where there is none. */
  repository: string | null;
  /** Branch, tag or commit that was asked for; null is the repository's main branch. */
  revision: string | null;
  /** Whether its files are on disk, complete. */
  materialized: boolean;
  /** What it does: continue text, or turn text into vectors. */
  task: "generate" | "embed";
  /** Compiled library for the `web-llm` backend; null where none is known. */
  library: ModelLibrary | null;
  /** Device memory that the catalog states, in bytes; null where it says nothing. */
  memoryBytes: number | null;
  /** WebGPU features that the catalog asks for, for example `shader-f16`. */
  requiredFeatures: string[];
  /** Whether and how it can be run. */
  supportLevel: SupportLevel;
  /** Directory of the package, absolute; null for an opaque reference. */
  path: string | null;
  /** Architecture key of the package, for example `llama`. */
  modelType: string | null;
  /** Quantization name of the package, for example `q4f16_1`. */
  quantization: string | null;
  /** Tokens a sequence may hold. */
  contextLength: number | null;
  /** Last change of the package, Unix seconds; 0 when not on disk. */
  createdAt: number;
  /** One sentence: why this level. */
  message: string;
}

/** Where models and compiled libraries are downloaded from. */
export interface HubOptions {
  /**
   * Base URL of the hub, or of a mirror.
   * @default the public hub
   */
  endpoint?: string;
  /**
   * Base URL of the compiled libraries, or of a mirror.
   * @default where their publisher keeps them
   */
  libraryEndpoint?: string;
  /** Access token for gated repositories; sent to the hub's own host only. */
  token?: string;
  /**
   * Whether the network must not be used: what is not on disk is an error.
   * @default false
   */
  offline?: boolean;
}

/** How far a download has come. */
export interface DownloadProgress {
  /** Path inside the repository of the file that progressed last. */
  file: string;
  /** Bytes on disk, of all files, those of earlier tries included. */
  numBytes: number;
  /** Bytes of all files; null while a size is unknown. */
  totalBytes: number | null;
  /** Files of the model. */
  numFiles: number;
  /** Files that are complete and checked. */
  numFilesDone: number;
  /** Bytes a second, lately. */
  rate: number;
  /**
   * Whether another process downloads this model, and this one waits for it.
   * @default false
   */
  isWaiting?: boolean;
}

/** Options of {@linkcode Engine.download}. */
export interface DownloadOptions {
  /**
   * Fetches what is there already again.
   * @default false
   */
  force?: boolean;
  /**
   * What will run the model; `web-llm` needs its compiled library too.
   * @default our own kernels where they can
   */
  backend?: BackendName;
  /** Aborting it stops the download; what has come stays for the next try. */
  signal?: AbortSignal;
  /** Called a few times a second. */
  onProgress?: (progress: DownloadProgress) => void;
}

/** Gets a share from 0 to 1 and what is being done, for example `downloading params_shard_0.bin`. */
export type ProgressListener = (share: number, stage: string) => void;

/** Options of {@linkcode Engine.load}. */
export interface LoadModelOptions {
  /** Aborting it stops a download that nobody else waits for; a load that has begun goes on. */
  signal?: AbortSignal;
  /** How long the model stays loaded without a request; see `EngineOptions.keepAliveMs`. */
  keepAliveMs?: number;
  /** `wgsl` or `web-llm`; absent takes the engine's choice. */
  backend?: string;
}
