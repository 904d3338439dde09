/**
 * The engine itself.
 *
 * @module
 */
import type { TokenizeRequest } from "./chat.ts";
import type {
  Embeddings,
  EmbedRequest,
  GenerateOptions,
  Generation,
  GenerationRequest,
} from "./generation.ts";
import type { DownloadOptions, LoadModelOptions, ModelInfo, ProgressListener } from "./models.ts";
import type { RuntimeOptions, RuntimePlan } from "./plan.ts";
import type { LoadedModelStats } from "./stats.ts";

/** Runs models. Create one with {@linkcode createEngine}. */
export interface Engine {
  /**
   * Downloads and loads the model if needed, checks and queues the request.
   *
   * @returns once the request is accepted: everything that can be refused is refused before
   * @throws {ModelNotFoundError} nothing has this reference
   * @throws {ModelInvalidError} the package is damaged or unsupported
   * @throws {InvalidRequestError} a value is out of range
   * @throws {ContextLengthError} prompt and output exceed the context length
   * @throws {QueueFullError} too many requests are waiting
   * @throws {DeviceError} no adapter, the device was lost, or the model exceeds the memory budget
   */
  generate(request: GenerationRequest, options?: GenerateOptions): Promise<Generation>;
  /**
   * Loads a model now instead of at its first request; downloads it first if needed.
   *
   * @throws as `generate`
   */
  load(
    reference: string,
    onProgress?: ProgressListener,
    options?: LoadModelOptions,
  ): Promise<void>;
  /**
   * Fetches a model's files, and its compiled library, without loading it.
   *
   * @returns the model as it then is on disk
   * @throws {ModelNotFoundError} nothing has this reference, or it is not there and may not be fetched
   */
  download(reference: string, options?: DownloadOptions): Promise<ModelInfo>;
  /**
   * Unloads a downloaded model and deletes its files.
   *
   * @returns bytes that were freed
   * @throws {ModelNotFoundError} nothing has this reference
   * @throws {InvalidRequestError} the model was not downloaded, so that its files are not ours
   */
  remove(reference: string): Promise<number>;
  /**
   * What a load would do; never loads a weight, never throws for an unknown model.
   *
   * @throws {InvalidRequestError} an unknown backend, or `modelsDir` is not below the models directory
   */
  plan(options?: RuntimeOptions): Promise<RuntimePlan>;
  /**
   * Built-in models and packages found under the models directory, or under a folder below it.
   *
   * @throws {InvalidRequestError} `modelsDir` is not below the models directory
   */
  listModels(options?: Pick<RuntimeOptions, "modelsDir">): Promise<ModelInfo[]>;
  /** One model by reference; an unknown one has `sourceKind` `opaque` and is `unsupported`. */
  inspectModel(reference: string): Promise<ModelInfo>;
  /**
   * Token ids of a conversation or a text, exactly as `generate` would see them. Loads the model if needed.
   *
   * @throws as `generate`
   */
  tokenize(request: TokenizeRequest): Promise<number[]>;
  /**
   * The text of token ids; special tokens have none. Loads the model if needed.
   *
   * @throws {InvalidRequestError} an id is outside the vocabulary
   */
  detokenize(model: string, tokens: number[]): Promise<string>;
  /**
   * One vector a text from an embedding model. Loads the model if needed.
   *
   * @throws as `generate`; {InvalidRequestError} the model generates text, or a text is longer than the model sees
   */
  embed(request: EmbedRequest, options?: GenerateOptions): Promise<Embeddings>;
  /**
   * Ends a loaded model's worker, which gives all its memory back; its generations end with an error.
   *
   * @returns false if it was not loaded
   */
  unload(reference: string): Promise<boolean>;
  /** Every loaded model with its counters. */
  stats(): Promise<LoadedModelStats[]>;
  /** Ends every sequence and gives all memory back. */
  close(): Promise<void>;
}
