/**
 * Checked reads of an untrusted config.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";

/** A JSON object whose values nobody has looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** Bounds of a number, both included. */
export interface Range {
  min: number;
  max: number;
}

/** @throws {ModelInvalidError} missing, no number, or out of range */
export function readNumber(fields: Fields, name: string, { min, max }: Range): number {
  const value = fields[name];
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw new ModelInvalidError(
      `The model's config has ${name} ${
        JSON.stringify(value)
      }; a number from ${min} to ${max} is needed`,
    );
  }
  return value;
}

/** @throws {ModelInvalidError} missing, no whole number, or out of range */
export function readInteger(fields: Fields, name: string, range: Range): number {
  const value = readNumber(fields, name, range);
  if (!Number.isInteger(value)) {
    throw new ModelInvalidError(`The model's config has ${name} ${value}; it must be whole`);
  }
  return value;
}
