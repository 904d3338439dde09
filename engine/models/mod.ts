/**
 * Architectures by the `model_type` of a package.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import type { Architecture } from "./architecture.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { llama } from "./llama.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

export type * from "./architecture.ts";
export { computeRopeFrequencies, computeRopeTable } from "./rope.ts";

const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ["llama", llama],
  ["mistral", llama],
  ["qwen2", qwen2],
  ["qwen3", qwen3],
  ["gemma2", gemma2],
  ["gemma3", gemma3],
  ["gemma3_text", gemma3],
  ["phi3", phi3],
]);

/** @throws {ModelInvalidError} no file here implements it */
export function findArchitecture(modelType: string): Architecture {
  const architecture = ARCHITECTURES.get(modelType);
  if (architecture) return architecture;
  throw new ModelInvalidError(
    `The model is of type "${modelType}"; ${[...ARCHITECTURES.keys()].join(", ")} can be run`,
  );
}
