/**
 * Deletes what was downloaded, and nothing else.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { InvalidRequestError, ModelNotFoundError } from "../errors.ts";
import { isInside } from "../formats/mod.ts";
import type { ModelInfo } from "../types.ts";
import { LOCK_FILE, withLock } from "./download/lock.ts";
import { MARK_FILE } from "./download/mark.ts";
import { hasParts } from "./download_state.ts";
import { LIBRARIES_DIR } from "./library.ts";
import { listModels } from "./list.ts";
import { isDirectory, type StoreOptions } from "./resolve.ts";

/**
 * Deletes a downloaded model, an unfinished download too, and its compiled library when no other model here uses that.
 *
 * @returns bytes that were freed
 * @throws {ModelNotFoundError} nothing of it is on disk
 * @throws {InvalidRequestError} it ships with the program, or its files are the user's own
 */
export async function removeModel(info: ModelInfo, options: StoreOptions): Promise<number> {
  const { reference, path } = info;
  if (info.sourceKind === "builtin") {
    throw refuse(reference, "it ships with the program");
  }
  if (path === null || !(await isDirectory(path))) {
    throw new ModelNotFoundError(reference, "nothing of it is on this machine");
  }
  await requireManaged(info, path, options);
  const onWait = () => {
    throw refuse(reference, "it is being downloaded; end that first");
  };
  const lock = { signal: new AbortController().signal, pollMs: 0, onWait };
  const numBytes = await withLock(join(path, LOCK_FILE), lock, () => removeTree(path));
  return numBytes + await removeLibraries(info, options);
}

/** @throws {InvalidRequestError} the directory is not what a download made */
async function requireManaged(info: ModelInfo, path: string, options: StoreOptions): Promise<void> {
  const isHub = info.sourceKind === "hugging-face" && info.repository !== null;
  const modelsDir = resolve(options.modelsDir);
  // A download makes a directory, right below the models directory, never a link.
  const isPlace = dirname(path) === modelsDir && !(await Deno.lstat(path)).isSymlink;
  if (!isHub || !isPlace || !(await isInside(modelsDir, path))) {
    throw refuse(info.reference, `it was not downloaded; delete ${path} yourself`);
  }
  const isMarked = await Deno.stat(join(path, MARK_FILE)).then(() => true, () => false);
  if (!isMarked && !(await hasParts(path)) && !(await isEmpty(path))) {
    throw refuse(
      info.reference,
      `${path} has no ${MARK_FILE} and may be a copy of your own; delete it yourself`,
    );
  }
}

/** As a download leaves a directory that was ended before its first file. */
async function isEmpty(dir: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(dir)) {
    if (name !== LOCK_FILE) return false;
  }
  return true;
}

function refuse(reference: string, reason: string): InvalidRequestError {
  return new InvalidRequestError("model", `Cannot remove "${reference}": ${reason}`);
}

/** Deletes the libraries of a directory that nothing on disk uses any more, and their folder when that is empty. */
async function removeLibraries(info: ModelInfo, options: StoreOptions): Promise<number> {
  const librariesDir = join(resolve(options.modelsDir), LIBRARIES_DIR);
  const models = await listModels(options);
  // Several models of the catalog may share the weights, each with a library of its own.
  const [own, others] = [true, false].map((isOwn) =>
    models.filter(({ path }) => (path === info.path) === isOwn)
  ) as [ModelInfo[], ModelInfo[]];
  const used = new Set<string>();
  for (const { library, path } of others) {
    if (library !== null && path !== null && await isDirectory(path)) used.add(library.path);
  }
  const unused = new Set(
    [info, ...own].flatMap(({ library }) =>
      library === null || used.has(library.path) ? [] : [library.path]
    ),
  );
  let numBytes = 0;
  for (const path of unused) {
    if (!path.startsWith(librariesDir)) continue;
    numBytes += (await Deno.lstat(path).catch(() => null))?.size ?? 0;
    for (const entry of [path, dirname(path), librariesDir]) await removeIfEmptyOrFile(entry);
  }
  return numBytes;
}

/** Deletes a file, or a folder that has nothing in it. */
async function removeIfEmptyOrFile(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => null);
  if (info === null || info.isDirectory && (await Array.fromAsync(Deno.readDir(path))).length > 0) {
    return;
  }
  await Deno.remove(path);
}

/** Deletes a directory; links in it are deleted, not followed. */
async function removeTree(dir: string): Promise<number> {
  let numBytes = 0;
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) {
      numBytes += await removeTree(path);
      continue;
    }
    numBytes += entry.isFile ? (await Deno.lstat(path)).size : 0;
    await Deno.remove(path);
  }
  await Deno.remove(dir);
  return numBytes;
}
