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

/** @throws {ModelInvalidError} no list of `length` numbers in the range */
export function readNumbers(
  fields: Fields,
  name: string,
  length: number,
  range: Range,
): readonly number[] {
  const values = fields[name];
  if (!Array.isArray(values) || values.length !== length) {
    const found = Array.isArray(values) ? `a list of ${values.length}` : JSON.stringify(values);
    throw new ModelInvalidError(`The model's config has ${name} ${found}; ${length} are needed`);
  }
  return values.map((value, i) => readNumber({ [`${name}[${i}]`]: value }, `${name}[${i}]`, range));
}

/** @throws {ModelInvalidError} `value` is no multiple of `of` */
export function requireMultiple(name: string, value: number, of: number): void {
  if (value % of === 0) return;
  throw new ModelInvalidError(
    `The model's config has ${name} ${value}; a multiple of ${of} is needed`,
  );
}
