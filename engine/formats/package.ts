/**
 * What every package format is read into: a checked directory of tensors and the settings beside them.
 *
 * @module
 */

/** One tensor of a package: where its bytes lie and what they decode to. */
export interface TensorInfo {
  /** Parameter name, unique in the package. */
  name: string;
  /** Dimensions, row-major, the last one contiguous. */
  shape: readonly number[];
  /** Element type once decoded. */
  dtype: "f32" | "f16" | "u32";
  /** Element type in the file; `bf16` decodes to `f32`. */
  storage: "f32" | "f16" | "bf16" | "u32";
  /** Index into {@linkcode ModelPackage.shards}. */
  shard: number;
  /** First byte inside the shard; aligned to nothing. */
  byteOffset: number;
  /** Bytes in the file. */
  nbytes: number;
}

/** One file of weights. */
export interface ShardInfo {
  /** Absolute path. */
  path: string;
  /** File size in bytes. */
  nbytes: number;
  /** MD5 of the file, lower-case hexadecimal; null when the index names none. */
  md5: string | null;
  /** The shard's tensors by ascending offset. */
  tensors: TensorInfo[];
}

/** The settings of a package, without its weights. */
export interface PackageConfig {
  /** Absolute directory. */
  dir: string;
  /** Architecture key, for example `llama`. */
  modelType: string;
  /** Quantization name, for example `q4f16_1`. */
  quantization: string;
  /** Architecture dimensions with the package's runtime limits laid over them; names as published. */
  config: Record<string, unknown>;
  /** The whole chat configuration file. */
  chatConfig: Record<string, unknown>;
  /** Rows of the embedding, padding included. */
  vocabSize: number;
  /** Tokens that the model can see. */
  contextLength: number;
}

/** A package whose index agrees with itself and with the files on disk. */
export interface ModelPackage extends PackageConfig {
  /** Files in the order of the index. */
  shards: ShardInfo[];
  /** Every tensor by name. */
  tensors: ReadonlyMap<string, TensorInfo>;
  /** Sum of all tensors as they lie in the files. */
  weightsBytes: number;
}

/** Architectures that the wgsl backend runs; `mistral` is llama's graph. */
export const SUPPORTED_MODEL_TYPES: ReadonlySet<string> = new Set([
  "llama",
  "mistral",
  "qwen2",
  "qwen3",
  "gemma2",
  "gemma3",
  "gemma3_text",
  "phi3",
]);

/** Quantizations that the wgsl backend repacks. */
export const SUPPORTED_QUANTIZATIONS: ReadonlySet<string> = new Set([
  "q4f16_1",
  "q4f32_1",
  "q0f16",
  "q0f32",
]);
