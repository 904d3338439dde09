/**
 * Fetches an MLC package into its directory. All files gather as parts; only when every one is there and checked do they
 * take their places, so an earlier download stays usable until then.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { DownloadError } from "../../errors.ts";
import { ContentHasher } from "./digest.ts";
import { toStorageError } from "./failures.ts";
import { fetchFile } from "./fetch_file.ts";
import {
  listRepository,
  type RepositoryListing,
  type RepositoryRequest,
  toRemoteFile,
} from "./hub.ts";
import { LOCK_FILE, withLock } from "./lock.ts";
import {
  isComplete,
  readMark,
  removeIfPresent,
  removeMark,
  syncDirectory,
  writeMark,
} from "./mark.ts";
import { listBodyFiles, listHeadFiles, type PackageFile } from "./package_files.ts";
import { hashFile, NOTE_SUFFIX, PART_SUFFIX, removePart } from "./part_file.ts";
import type { CheckedFile, RemoteFile, Transfer } from "./remote_file.ts";

/** What to fetch, and where to. */
export interface PackageRequest extends RepositoryRequest {
  /** Directory, absolute. */
  dir: string;
  /** Whether files that are there are fetched again. */
  force: boolean;
}

/**
 * Makes a directory complete. When another process does so already, waits for it and takes what it made.
 *
 * @throws {ModelNotFoundError} no such repository or revision
 * @throws {DownloadError} refused, cut too often, wrong bytes, or not writable
 */
export async function downloadPackage(asked: PackageRequest, transfer: Transfer): Promise<void> {
  const { dir, repository, revision, force } = asked;
  const { signal, tuning, meter } = transfer;
  let hasWaited = false;
  const onWait = () => {
    hasWaited = true;
    meter.reportWaiting(repository);
  };
  const lock = { signal, pollMs: tuning.lockPollMs, onWait };
  await withLock(join(dir, LOCK_FILE), lock, async () => {
    // Whoever was waited for has fetched just now, which is as good as fetching again.
    if ((!force || hasWaited) && await isComplete(dir, repository, revision)) return;
    await fillDirectory(asked, transfer);
  });
}

async function fillDirectory(asked: PackageRequest, transfer: Transfer): Promise<void> {
  const { repository } = asked;
  const listing = await listRepository(asked, transfer);
  const head = listHeadFiles(repository, listing);
  const headFiles = await obtainAll(head, asked, listing, transfer);
  const [config, index] = head.map(({ name }) =>
    headFiles.find((file) => file.name === name)!.path
  );
  const body = await listBodyFiles(repository, listing, { config: config!, index: index! });
  for (const { name } of body) transfer.meter.addFile(name, listing.files.get(name)!.size);
  transfer.meter.endList();
  await checkFreeSpace(asked, body, listing);
  const bodyFiles = await obtainAll(body, asked, listing, transfer);
  await publish(asked, listing.commit, [...headFiles, ...bodyFiles]);
}

/** Fetches files side by side, the smallest first; the first failure stops the others. */
async function obtainAll(
  files: readonly PackageFile[],
  asked: PackageRequest,
  listing: RepositoryListing,
  transfer: Transfer,
): Promise<CheckedFile[]> {
  const queue = files
    .map(({ name, ...limits }) => toRemoteFile(asked, listing, asked.dir, name, limits))
    .sort((a, b) => (a.size ?? 0) - (b.size ?? 0));
  const failure = new AbortController();
  const signal = AbortSignal.any([transfer.signal, failure.signal]);
  const checked: CheckedFile[] = [];
  async function work(): Promise<void> {
    try {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        checked.push(await obtain(file, asked, { ...transfer, signal }));
      }
    } catch (error) {
      failure.abort(error);
    }
  }
  await Promise.all(Array.from({ length: transfer.tuning.concurrency }, work));
  signal.throwIfAborted();
  return checked;
}

/** Takes the file that is there if it is the right one, else fetches it. */
async function obtain(
  file: RemoteFile,
  { dir, force }: PackageRequest,
  transfer: Transfer,
): Promise<CheckedFile> {
  transfer.meter.addFile(file.name, file.size);
  const present = force ? null : await checkPresent(file, join(dir, file.name), transfer);
  return present ?? await fetchFile(file, transfer);
}

async function checkPresent(
  { name, size, digests }: RemoteFile,
  path: string,
  { meter, signal }: Transfer,
): Promise<CheckedFile | null> {
  const info = await Deno.lstat(path).catch(() => null);
  if (!info?.isFile || info.size !== size || digests.length === 0) return null;
  const hasher = new ContentHasher(digests, size);
  const { sha256, mismatch } = await hashFile(path, hasher, (numBytes) => {
    signal.throwIfAborted();
    meter.setBytes(name, numBytes);
  });
  if (mismatch !== null) return null;
  meter.finishFile(name, size);
  return { name, path, bytes: size, sha256 };
}

/** Refuses to begin what cannot end. */
async function checkFreeSpace(
  { dir, force }: PackageRequest,
  files: readonly PackageFile[],
  { files: listed }: RepositoryListing,
): Promise<void> {
  const sizes = files.map(async ({ name }) => {
    const size = listed.get(name)!.size ?? 0;
    const [present, part] = await Promise.all([
      readSize(join(dir, name)),
      readSize(join(dir, name + PART_SUFFIX)),
    ]);
    return present === size && !force ? 0 : Math.max(0, size - part);
  });
  const needed = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  const available = await readFreeBytes(dir);
  if (available === null || needed <= available) return;
  const [missing, free] = [formatGiB(needed), formatGiB(available)];
  throw new DownloadError(
    "download_failed",
    `Cannot download into "${dir}": ${missing} are missing, ${free} are free on the disk; ` +
      "free some space or choose another models directory",
  );
}

/** Null where nobody may know: without the permission, and on network file systems without sizes. */
async function readFreeBytes(dir: string): Promise<number | null> {
  try {
    const { blocks, bavail, bsize } = await statfs(dir);
    return blocks === 0 ? null : bavail * bsize;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw toStorageError("measure", dir, error);
  }
}

async function readSize(path: string): Promise<number> {
  return (await Deno.lstat(path).catch(() => null))?.size ?? 0;
}

function formatGiB(numBytes: number): string {
  return `${(numBytes / 2 ** 30).toFixed(2)} GiB`;
}

/** Puts all files in place and marks the directory complete. */
async function publish(
  { dir, repository, revision }: PackageRequest,
  commit: string,
  checked: readonly CheckedFile[],
): Promise<void> {
  const earlier = await readMark(dir);
  await removeMark(dir);
  for (const { name, path } of checked) {
    const target = join(dir, name);
    if (path === target) continue;
    try {
      await Deno.rename(path, target);
    } catch (error) {
      throw toStorageError("rename", path, error);
    }
  }
  const names = new Set(checked.map(({ name }) => name));
  // An index of an earlier revision could otherwise be found before the one of this.
  for (const { path } of earlier?.files ?? []) {
    if (!names.has(path)) await removeIfPresent(join(dir, path));
  }
  await removeLeftovers(dir);
  await syncDirectory(dir);
  const files = checked.map(({ name, bytes, sha256 }) => ({ path: name, bytes, sha256 }))
    .sort((a, b) => a.path < b.path ? -1 : 1);
  const completedAt = new Date().toISOString();
  await writeMark(dir, { repository, revision, commit, files, completedAt });
}

/** Parts of other revisions, and the notes of all parts. */
async function removeLeftovers(dir: string): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(dir)) names.push(name);
  for (const name of names) {
    if (name.endsWith(NOTE_SUFFIX)) await removePart(join(dir, name.slice(0, -".json".length)));
    else if (name.endsWith(PART_SUFFIX)) await removePart(join(dir, name));
  }
}
