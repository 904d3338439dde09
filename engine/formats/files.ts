/**
 * Reads single files of a package under the rules for untrusted folders: regular files inside the folder, of bounded
 * size, and JSON objects in UTF-8.
 *
 * @module
 */
import { basename, isAbsolute, join, relative, sep } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { findJsonFault } from "./json_shape.ts";

/** A JSON object whose fields are not known yet. */
export type JsonObject = Record<string, unknown>;

/** True for a JSON object; arrays and null are none. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * True if a path lies in a directory once all links are followed.
 *
 * @throws {Deno.errors.NotFound} one of them does not exist
 */
export async function isInside(dir: string, path: string): Promise<boolean> {
  const [realDir, realPath] = await Promise.all([Deno.realPath(dir), Deno.realPath(path)]);
  const fromDir = relative(realDir, realPath);
  return fromDir !== ".." && !fromDir.startsWith(`..${sep}`) && !isAbsolute(fromDir);
}

/**
 * Looks a file up without opening it.
 *
 * @returns size in bytes, or null when nothing has this name
 * @throws {ModelInvalidError} not a regular file, or a link that leaves the folder
 */
export async function statInside(dir: string, name: string): Promise<number | null> {
  const path = join(dir, name);
  try {
    if (!(await isInside(dir, path))) {
      throw new ModelInvalidError(
        `Cannot read "${path}": it is a link out of the package; put the file itself there`,
      );
    }
    const info = await Deno.stat(path);
    if (info.isFile) return info.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  throw new ModelInvalidError(`Cannot read "${path}": it is not a regular file; replace it`);
}

/**
 * Reads a small text file of a package.
 *
 * @returns null when the file is absent
 * @throws {ModelInvalidError} larger than `maxBytes`, or not UTF-8
 */
export async function readTextInside(
  dir: string,
  name: string,
  maxBytes: number,
): Promise<string | null> {
  const nbytes = await statInside(dir, name);
  if (nbytes === null) return null;
  const path = join(dir, name);
  if (nbytes > maxBytes) {
    throw new ModelInvalidError(
      `Cannot read "${path}": it has ${nbytes} bytes, at most ${maxBytes} are allowed; ` +
        `check that it is a real ${basename(name)}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ModelInvalidError(`Cannot read "${path}": it is not UTF-8; download it again`, {
      cause: error,
    });
  }
}

/**
 * Reads a JSON object of a package.
 *
 * @returns null when the file is absent
 * @throws {ModelInvalidError} as {@linkcode readTextInside}, or not a JSON object of the shape that such files have
 */
export async function readJsonInside(
  dir: string,
  name: string,
  maxBytes: number,
): Promise<JsonObject | null> {
  const text = await readTextInside(dir, name, maxBytes);
  if (text === null) return null;
  const path = join(dir, name);
  const fault = findJsonFault(text);
  if (fault !== null) {
    throw new ModelInvalidError(`Cannot read "${path}": ${fault}; download it again`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot read "${path}": it is not JSON (${(error as Error).message}); download it again`,
      { cause: error },
    );
  }
  if (!isJsonObject(value)) {
    throw invalidField(path, "the content", value, "a JSON object");
  }
  return value;
}

/** The error of a field that is not what it should be. */
export function invalidField(
  path: string,
  field: string,
  value: unknown,
  expected: string,
): ModelInvalidError {
  return new ModelInvalidError(
    `Cannot read "${path}": ${field} is ${describe(value)}, expected ${expected}; ` +
      "correct the file or download it again",
  );
}

/** Names a JSON value in a message: cut short, and never walked, since it may nest without end. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (isJsonObject(value)) return "an object";
  if (Array.isArray(value)) {
    const isShort = value.length <= 16 && value.every((item) => typeof item === "number");
    return isShort ? `[${value}]` : `a list of ${value.length}`;
  }
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
