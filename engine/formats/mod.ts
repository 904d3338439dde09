/**
 * Model files → a checked directory of tensors. One file a format; today MLC packages, with room for safetensors and GGUF
 * beside `mlc.ts`. Reads files only: it never decides where a tensor goes.
 *
 * @module
 */
import { resolve } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { openMlcPackage } from "./mlc.ts";
import type { ModelPackage } from "./package.ts";

export {
  invalidField,
  isInside,
  isJsonObject,
  type JsonObject,
  readJsonInside,
  readTextInside,
} from "./files.ts";
export { MAX_CONFIG_BYTES, MAX_INDEX_BYTES, MAX_SHARDS, MAX_TOKENIZER_BYTES } from "./limits.ts";
export { MLC_CONFIG_FILE, readMlcConfig as readPackageConfig } from "./mlc_config.ts";
export { countWeights } from "./count_weights.ts";
export { MLC_INDEX_FILES } from "./mlc_index.ts";
export {
  type ModelPackage,
  type PackageConfig,
  type ShardInfo,
  SUPPORTED_MODEL_TYPES,
  SUPPORTED_QUANTIZATIONS,
  type TensorInfo,
} from "./package.ts";
export { type LoadedTensor, readTensors, type ReadTensorsOptions } from "./read_tensors.ts";

/**
 * Opens a model package: reads its JSON, checks every claim against every other and against the file sizes. Reads no weight.
 *
 * @throws {ModelInvalidError} nothing readable is there, or a file is damaged; names file, value, expectation and remedy
 */
export async function openPackage(dir: string): Promise<ModelPackage> {
  const path = resolve(dir);
  const info = await Deno.stat(path).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (!info?.isDirectory) {
    throw new ModelInvalidError(
      `Cannot open "${path}": it is not a directory; give the directory of a model package`,
    );
  }
  return await openMlcPackage(path);
}
