/**
 * The mark of a complete directory, `.ollm.json`: written last, so that a directory that has it has everything.
 *
 * @module
 */
import { join } from "node:path";
import { isJsonObject } from "../../formats/mod.ts";
import { toStorageError } from "./failures.ts";

/** Name of the mark. */
export const MARK_FILE = ".ollm.json";
/** A repository of 16,384 shards has a mark of about 2 MiB. */
const MAX_MARK_BYTES = 8 * 1024 * 1024;

/** What a mark says. */
export interface DownloadMark {
  /** `org/name` on the hub. */
  repository: string;
  /** Branch, tag or commit that was asked for. */
  revision: string;
  /** Commit that all files are of. */
  commit: string;
  /** Every file that was downloaded. */
  files: DownloadedFile[];
  /** When it was written, ISO 8601. */
  completedAt: string;
}

/** One file of a mark. */
export interface DownloadedFile {
  /** Name in the directory. */
  path: string;
  /** Size. */
  bytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/** Reads the mark; null when there is none, or none that can be read: then the directory counts as incomplete. */
export async function readMark(dir: string): Promise<DownloadMark | null> {
  const path = join(dir, MARK_FILE);
  try {
    const { isFile, size } = await Deno.lstat(path);
    if (!isFile || size > MAX_MARK_BYTES) return null;
    const json: unknown = JSON.parse(await Deno.readTextFile(path));
    return isMark(json) ? json : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Whether a directory has all that its mark lists, by size; no byte is hashed.
 *
 * @param revision as in the mark
 */
export async function isComplete(
  dir: string,
  repository: string,
  revision: string,
): Promise<boolean> {
  const mark = await readMark(dir);
  if (mark === null || mark.repository !== repository || mark.revision !== revision) return false;
  for (const { path, bytes } of mark.files) {
    const info = await Deno.lstat(join(dir, path)).catch(() => null);
    if (!info?.isFile || info.size !== bytes) return false;
  }
  return true;
}

/** Writes the mark so that it is either all there or not at all, also after a power cut. */
export async function writeMark(dir: string, mark: DownloadMark): Promise<void> {
  const path = join(dir, MARK_FILE);
  const part = `${path}.part`;
  try {
    using file = await Deno.open(part, { create: true, truncate: true, write: true });
    const bytes = new TextEncoder().encode(`${JSON.stringify(mark, null, 2)}\n`);
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
    await file.sync();
    await Deno.rename(part, path);
    await syncDirectory(dir);
  } catch (error) {
    throw toStorageError("write", path, error);
  }
}

/** Makes the directory incomplete. */
export async function removeMark(dir: string): Promise<void> {
  await removeIfPresent(join(dir, MARK_FILE));
}

/** Removes a file that may be gone already. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw toStorageError("remove", path, error);
  }
}

/** Makes renames in a directory survive a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  // Windows opens no directories; there a rename is written through.
  if (Deno.build.os === "windows") return;
  using file = await Deno.open(dir, { read: true });
  await file.sync();
}

function isMark(json: unknown): json is DownloadMark {
  if (!isJsonObject(json)) return false;
  const { repository, revision, commit, completedAt, files } = json;
  const texts = [repository, revision, commit, completedAt];
  return texts.every((text) => typeof text === "string") &&
    Array.isArray(files) && files.every(isDownloadedFile);
}

function isDownloadedFile(json: unknown): json is DownloadedFile {
  return isJsonObject(json) && typeof json.path === "string" && isPlainName(json.path) &&
    Number.isSafeInteger(json.bytes) && typeof json.sha256 === "string";
}

/** A name without folders: a mark never reaches out of its directory. */
function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}
