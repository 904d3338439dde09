/**
 * One writer among all processes. The lock is the operating system's, on a file beside what it guards: the system drops it
 * when its holder ends, however that happens, so a lock is never stale.
 *
 * @module
 */
import { dirname } from "node:path";
import { sleep, toStorageError } from "./failures.ts";

/** In a model's directory, while it is downloaded or deleted. */
export const LOCK_FILE = ".ollm.lock";

const MAX_OPEN_TRIES = 5;

/** Options of {@linkcode withLock}. */
export interface LockOptions {
  signal: AbortSignal;
  /** Between two tries, in ms. */
  pollMs: number;
  /** Called at each try that found the lock taken. */
  onWait: () => void;
}

/**
 * Runs `action` while no other process, and nobody else in this one, holds the lock at `path`. Makes the directory if
 * needed; the lock file is gone afterwards, and so is that directory if nothing came into it.
 *
 * @throws the signal's reason when it is aborted while waiting
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  action: () => Promise<T>,
): Promise<T> {
  const dir = dirname(path);
  const isNew = await Deno.lstat(dir).then(() => false, () => true);
  using file = await acquire(path, options);
  try {
    return await action();
  } finally {
    // Unlinked while it is held: whoever gets the lock of an unlinked file sees that, and makes a new one.
    await Deno.remove(path).catch(() => {});
    if (isNew) await Deno.remove(dir).catch(() => {}); // refused where it holds something
    await file.unlock();
  }
}

async function acquire(
  path: string,
  { signal, pollMs, onWait }: LockOptions,
): Promise<Deno.FsFile> {
  while (true) {
    signal.throwIfAborted();
    const file = await openLock(path);
    try {
      if (await file.tryLock(true)) {
        if (await isSameFile(file, path)) return file;
        file.close();
        continue;
      }
    } catch (error) {
      file.close();
      throw toStorageError("lock", path, error);
    }
    file.close();
    onWait();
    await sleep(pollMs, signal);
  }
}

async function openLock(path: string): Promise<Deno.FsFile> {
  for (let tries = 1;; tries++) {
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      return await Deno.open(path, { create: true, read: true, write: true });
    } catch (error) {
      // Another holder may take away the directory that it made, between the two.
      if (tries < MAX_OPEN_TRIES && error instanceof Deno.errors.NotFound) continue;
      throw toStorageError("create", path, error);
    }
  }
}

async function isSameFile(file: Deno.FsFile, path: string): Promise<boolean> {
  const [own, current] = await Promise.all([file.stat(), Deno.stat(path).catch(() => null)]);
  return current !== null && own.ino === current.ino && own.dev === current.dev;
}
