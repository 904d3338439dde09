/**
 * Parses the text that names a model. Touches no file.
 *
 * @module
 */
import { homedir } from "node:os";
import { resolve } from "node:path";

/** What kind of name a text is, before looking at the disk. */
export type ModelReference =
  | { kind: "path"; path: string }
  /** A built-in alias, or a directory below the models directory. */
  | { kind: "name"; name: string }
  | { kind: "opaque" };

/** One or two names: no `..`, backslash, `%`, NUL, scheme or absolute path can pass. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$/;
/** `/x`, `./x`, `../x`, `~/x`, `C:\x`. */
const EXPLICIT_PATH = /^(?:\/|\.{1,2}(?:[/\\]|$)|~(?:[/\\]|$)|[A-Za-z]:[/\\])/;
const PATH_SCHEME = /^path:(?:\/\/)?/i;

/** Tells paths, names and everything else apart; surrounding blanks are no part of the reference. */
export function parseReference(reference: string): ModelReference {
  const text = reference.trim();
  const scheme = PATH_SCHEME.exec(text);
  const path = scheme === null ? text : text.slice(scheme[0].length);
  if (path.includes("\0")) return { kind: "opaque" };
  if (path !== "" && (scheme !== null || EXPLICIT_PATH.test(path))) {
    return { kind: "path", path: resolve(expandHome(path)) };
  }
  return isModelName(text) ? { kind: "name", name: text } : { kind: "opaque" };
}

/** True for a text that may be looked up below the models directory. */
export function isModelName(text: string): boolean {
  return NAME.test(text) && !text.includes("..");
}

function expandHome(path: string): string {
  return /^~(?:[/\\]|$)/.test(path) ? homedir() + path.slice(1) : path;
}
