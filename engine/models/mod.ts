/**
 * Architectures by the `model_type` of a package.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import type { Architecture } from "./architecture.ts";
import { llama } from "./llama.ts";
import { qwen2 } from "./qwen2.ts";

export type * from "./architecture.ts";
export { computeRopeTable } from "./rope.ts";

const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ["llama", llama],
  ["mistral", llama],
  ["qwen2", qwen2],
]);

/** @throws {ModelInvalidError} no file here implements it */
export function findArchitecture(modelType: string): Architecture {
  const architecture = ARCHITECTURES.get(modelType);
  if (architecture) return architecture;
  throw new ModelInvalidError(
    `The model is of type "${modelType}"; ${[...ARCHITECTURES.keys()].join(", ")} can be run`,
  );
}
