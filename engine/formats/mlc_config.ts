/**
 * Reads `mlc-chat-config.json`: architecture, quantization, dimensions, limits. Knows nothing of weights.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { invalidField, isJsonObject, type JsonObject, readJsonInside } from "./files.ts";
import { MAX_CONFIG_BYTES, MAX_CONTEXT_LENGTH, MAX_VOCAB_SIZE } from "./limits.ts";
import type { PackageConfig } from "./package.ts";

/** File that makes a directory an MLC package. */
export const MLC_CONFIG_FILE = "mlc-chat-config.json";

/** Architecture keys and quantization names end up in messages and tables. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Limits that the package may set beside the architecture; -1 and null mean unset. */
const RUNTIME_LIMITS = [
  "context_window_size",
  "sliding_window_size",
  "prefill_chunk_size",
  "attention_sink_size",
];

/** Dimensions that every reader multiplies; each must be a whole number of this range where it is given. */
const DIMENSION_RANGES: Record<string, readonly [min: number, max: number]> = {
  hidden_size: [1, 1_048_576],
  intermediate_size: [1, 4_194_304],
  num_hidden_layers: [1, 4096],
  num_attention_heads: [1, 4096],
  num_key_value_heads: [1, 4096],
  head_dim: [1, 4096],
};

/**
 * Reads and checks the configuration of an MLC package.
 *
 * @throws {ModelInvalidError} the file is absent, damaged, or a value is out of range
 */
export async function readMlcConfig(dir: string): Promise<PackageConfig> {
  const path = join(dir, MLC_CONFIG_FILE);
  const chatConfig = await readJsonInside(dir, MLC_CONFIG_FILE, MAX_CONFIG_BYTES);
  if (chatConfig === null) {
    throw new ModelInvalidError(
      `Cannot open "${dir}": it has no ${MLC_CONFIG_FILE}; give the directory of an MLC package`,
    );
  }
  const modelConfig = chatConfig.model_config;
  if (!isJsonObject(modelConfig)) {
    throw invalidField(path, "model_config", modelConfig, "an object");
  }
  for (const [name, [min, max]] of Object.entries(DIMENSION_RANGES)) {
    if (modelConfig[name] !== undefined && modelConfig[name] !== null) {
      readInteger(path, `model_config.${name}`, modelConfig[name], min, max);
    }
  }
  const config = mergeLimits(modelConfig, chatConfig);
  const vocabSize = readInteger(path, "vocab_size", config.vocab_size, 1, MAX_VOCAB_SIZE);
  return {
    dir: resolve(dir),
    modelType: readName(path, "model_type", chatConfig.model_type),
    quantization: readName(path, "quantization", chatConfig.quantization),
    config,
    chatConfig,
    vocabSize,
    contextLength: readContextLength(path, config),
  };
}

/** Lays the top level's limits over the architecture's own. */
function mergeLimits(modelConfig: JsonObject, chatConfig: JsonObject): JsonObject {
  const merged: JsonObject = { ...modelConfig };
  for (const name of RUNTIME_LIMITS) {
    const value = chatConfig[name];
    if (value !== undefined && value !== null && value !== -1) merged[name] = value;
  }
  if (chatConfig.vocab_size !== undefined) merged.vocab_size = chatConfig.vocab_size;
  return merged;
}

/** The first limit that is set: the window, then the positions the model was trained on. */
function readContextLength(path: string, config: JsonObject): number {
  for (const name of ["context_window_size", "sliding_window_size", "max_position_embeddings"]) {
    const value = config[name];
    if (value !== undefined && value !== null && value !== -1) {
      return readInteger(path, name, value, 1, MAX_CONTEXT_LENGTH);
    }
  }
  throw invalidField(path, "context_window_size", undefined, "a number of tokens");
}

function readName(path: string, field: string, value: unknown): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  throw invalidField(path, field, value, "a name of letters, digits, '.', '_' and '-'");
}

function readInteger(
  path: string,
  field: string,
  value: unknown,
  min: number,
  max: number,
): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalidField(path, field, value, `a whole number from ${min} to ${max}`);
}
