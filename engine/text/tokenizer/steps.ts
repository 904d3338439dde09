/**
 * Normalizers, pre-tokenizers and post-processors of `tokenizer.json` are steps, or sequences of them in sequences.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../../formats/mod.ts";

/** Steps of one part; published tokenizers have at most ten. */
const MAX_STEPS = 64;
const MAX_DEPTH = 8;

/**
 * Lists the steps of a part in order.
 *
 * @param value the part; absent or null means none
 * @param listName field of a `Sequence` that holds its steps
 * @throws {TypeError} a step is no object
 * @throws {RangeError} too many or too deep
 */
export function flattenSteps(value: unknown, listName: string, depth = 0): JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!isJsonObject(value)) throw new TypeError(`a step of ${listName} is not an object`);
  if (value.type !== "Sequence") return [value];
  const list = value[listName];
  if (!Array.isArray(list)) throw new TypeError(`${listName} is not a list`);
  if (depth >= MAX_DEPTH || list.length > MAX_STEPS) {
    throw new RangeError(
      `${listName} has more than ${MAX_STEPS} steps or nests deeper than ${MAX_DEPTH}`,
    );
  }
  const steps = list.flatMap((step) => flattenSteps(step, listName, depth + 1));
  if (steps.length > MAX_STEPS) {
    throw new RangeError(`${listName} has ${steps.length} steps, at most ${MAX_STEPS} are read`);
  }
  return steps;
}

/**
 * The error of a step of a kind that is not known.
 *
 * @param part what the step is, for example `normalizer`
 */
export function unknownStep(part: string, { type }: JsonObject): TypeError {
  const name = typeof type === "string" ? JSON.stringify(type.slice(0, 60)) : "without a name";
  return new TypeError(`the ${part} ${name} is not read`);
}

/**
 * A field that is true or false.
 *
 * @throws {TypeError} something else
 */
export function readFlag(step: JsonObject, name: string, fallback: boolean): boolean {
  const value = step[name] ?? fallback;
  if (typeof value !== "boolean") throw new TypeError(`${step.type}.${name} is not true or false`);
  return value;
}

/**
 * A short text.
 *
 * @throws {TypeError} no text, or longer than any published one
 */
export function readShortText(step: JsonObject, name: string, fallback?: string): string {
  const value = step[name] ?? fallback;
  if (typeof value !== "string" || value.length > 64) {
    throw new TypeError(`${step.type}.${name} is not a text of at most 64 characters`);
  }
  return value;
}
