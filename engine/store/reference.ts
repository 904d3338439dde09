/**
 * Parses the text that names a model. Touches no file.
 *
 * @module
 */
import { homedir } from "node:os";
import { resolve } from "node:path";

/** Revision that a reference without one means. */
export const MAIN_BRANCH = "main";

/** What kind of name a text is, before looking at the disk. */
export type ModelReference =
  | { kind: "path"; path: string }
  /** An alias, a hub repository, or a directory below the models directory. */
  | { kind: "name"; name: string; revision: string | null }
  /** A hub repository, by its scheme. */
  | { kind: "repository"; repository: string; revision: string | null }
  | {
    kind: "opaque";
    /** What is wrong with the text; null when it only names nothing. */
    fault: string | null;
  };

const PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
/** One or two names: no backslash, `%`, NUL, scheme or absolute path can pass. */
const NAME = new RegExp(`^${PART}(?:/${PART})?$`);
const REVISION = /^[A-Za-z0-9._-]{1,64}$/;
/** `/x`, `./x`, `../x`, `~/x`, `C:\x`. */
const EXPLICIT_PATH = /^(?:\/|\.{1,2}(?:[/\\]|$)|~(?:[/\\]|$)|[A-Za-z]:[/\\])/;
const PATH_SCHEME = /^path:(?:\/\/)?/i;
const HUB_SCHEME = /^hf:(?:\/\/)?/i;

/** Tells paths, names, repositories and everything else apart; surrounding blanks are no part of the reference. */
export function parseReference(reference: string): ModelReference {
  const text = reference.trim();
  const scheme = PATH_SCHEME.exec(text);
  const path = scheme === null ? text : text.slice(scheme[0].length);
  if (path.includes("\0")) return opaque();
  if (path !== "" && (scheme !== null || EXPLICIT_PATH.test(path))) {
    return { kind: "path", path: resolve(expandHome(path)) };
  }
  const hub = HUB_SCHEME.exec(text);
  return hub === null ? parseName(text) : parseRepository(text.slice(hub[0].length));
}

/** True for a text that may be looked up below the models directory. */
export function isModelName(text: string): boolean {
  return NAME.test(text) && !text.includes("..");
}

/** True for `org/name` as the hub allows it; `--` would blur where the organization ends in a directory's name. */
export function isRepository(text: string): boolean {
  return isModelName(text) && text.includes("/") && !text.includes("--");
}

function parseName(text: string): ModelReference {
  const { name, revision, fault } = splitRevision(text);
  if (!isModelName(name)) return opaque();
  return fault === null ? { kind: "name", name, revision } : opaque(fault);
}

function parseRepository(text: string): ModelReference {
  const { name, revision, fault } = splitRevision(text);
  if (!isRepository(name)) return opaque('After "hf:" a hub repository follows, as in org/name');
  return fault === null ? { kind: "repository", repository: name, revision } : opaque(fault);
}

/** Splits at the first `@`. */
function splitRevision(
  text: string,
): { name: string; revision: string | null; fault: string | null } {
  const at = text.indexOf("@");
  if (at < 0) return { name: text, revision: null, fault: null };
  const [name, revision] = [text.slice(0, at), text.slice(at + 1)];
  const isRevision = REVISION.test(revision) && !revision.includes("..");
  const fault = isRevision
    ? null
    : 'After "@" a revision follows: a branch, tag or commit of 1 to 64 letters, digits, ".", "_" and "-"';
  return { name, revision, fault };
}

function opaque(fault: string | null = null): ModelReference {
  return { kind: "opaque", fault };
}

function expandHome(path: string): string {
  return /^~(?:[/\\]|$)/.test(path) ? homedir() + path.slice(1) : path;
}
