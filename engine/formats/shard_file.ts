/**
 * Reads files of weights: one into memory, or several for their MD5 alone.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { ModelInvalidError } from "../errors.ts";
import { hashStreams, type Md5Stream } from "./md5_lanes.ts";
import type { ShardInfo } from "./package.ts";

/** Bytes of one read: still in the processor's cache when they are hashed. */
const READ_BYTES = 1024 * 1024;

/** What is known of a shard before it is read. */
export type ShardFile = Pick<ShardInfo, "path" | "nbytes" | "md5">;

/** What a reading found. */
export interface ShardReading {
  /** Null where it was not computed. */
  readonly md5: string | null;
  /** Which file it was and when it was last written: equal stamps before and after a reading mean that it did not change. */
  readonly stamp: string;
}

/**
 * Fills the start of `target` with the file. Blocks the isolate.
 *
 * @param isHashed whether its MD5 is computed
 * @throws {ModelInvalidError} the file is missing, has another size, or is written to
 */
export function readShardFile(
  shard: ShardFile,
  target: Uint8Array<ArrayBuffer>,
  isHashed: boolean,
): ShardReading {
  using reader = new ShardReader(shard);
  const hash = isHashed ? createHash("md5") : null;
  for (let offset = 0; offset < shard.nbytes; offset += READ_BYTES) {
    const piece = target.subarray(offset, Math.min(offset + READ_BYTES, shard.nbytes));
    reader.read(piece);
    hash?.update(piece);
  }
  return { md5: hash?.digest("hex") ?? null, stamp: reader.end() };
}

/**
 * Reads the files for their MD5, several at a time. Blocks the isolate.
 *
 * @returns in the order of the shards
 * @throws {ModelInvalidError} a file is missing, has another size, or is written to
 */
export function hashShardFiles(shards: readonly ShardFile[]): ShardReading[] {
  const readings: ShardReading[] = new Array(shards.length);
  // The longest first: then they end at about the same time.
  const order = [...shards.entries()].sort(([, a], [, b]) => b.nbytes - a.nbytes);
  using readers = new DisposableStack();
  const open = ([i, shard]: [number, ShardFile]): Md5Stream => {
    const reader = readers.use(new ShardReader(shard));
    return {
      nbytes: shard.nbytes,
      read: (target) => reader.read(target),
      end(md5) {
        readings[i] = { md5, stamp: reader.end() };
      },
    };
  };
  hashStreams(order.values().map(open));
  return readings;
}

/** @throws {ModelInvalidError} the MD5 is not the index's */
export function checkMd5(shard: ShardFile, md5: string | null): void {
  if (shard.md5 === null || md5 === shard.md5) return;
  throw new ModelInvalidError(
    `Cannot load "${shard.path}": its MD5 is ${md5}, the index says ${shard.md5}; ` +
      "download the shard again",
  );
}

/** The error of a file that somebody writes to. */
export function shardChanged({ path }: ShardFile): ModelInvalidError {
  return new ModelInvalidError(
    `Cannot load "${path}": it was changed while it was read; load the model again`,
  );
}

/**
 * An open shard, read from its start to its end. Its stamps are the path's, since an open file of a compiled program has none:
 * one before it is opened and one after the last read, so that a file which took its place meanwhile is seen as well.
 */
class ShardReader implements Disposable {
  readonly #shard: ShardFile;
  readonly #file: Deno.FsFile;
  readonly #stamp: string;
  #isClosed = false;

  constructor(shard: ShardFile) {
    this.#shard = shard;
    const info = existing(shard, Deno.statSync);
    // The size was checked when the package was opened; checked again, as the file may have changed since.
    if (info.size !== shard.nbytes) throw wrongSize(shard, info.size);
    this.#stamp = stampOf(info);
    this.#file = existing(shard, Deno.openSync);
  }

  /** Fills all of `target`. */
  read(target: Uint8Array<ArrayBuffer>): void {
    for (let offset = 0; offset < target.length;) {
      const numRead = this.#file.readSync(target.subarray(offset));
      if (numRead === null) throw shardChanged(this.#shard); // it was cut
      offset += numRead;
    }
  }

  /** Closes the file. Returns its stamp. */
  end(): string {
    this[Symbol.dispose]();
    const stamp = stampOf(existing(this.#shard, Deno.statSync));
    if (stamp !== this.#stamp) throw shardChanged(this.#shard);
    return stamp;
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) this.#file.close();
    this.#isClosed = true;
  }
}

function stampOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): string {
  return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join();
}

function existing<T>(shard: ShardFile, read: (path: string) => T): T {
  try {
    return read(shard.path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ModelInvalidError(
      `Cannot load "${shard.path}": the file is missing; download the shard again`,
      { cause: error },
    );
  }
}

function wrongSize(shard: ShardFile, nbytes: number): ModelInvalidError {
  return new ModelInvalidError(
    `Cannot load "${shard.path}": it has ${nbytes} bytes, the index says ${shard.nbytes}; ` +
      "download the shard again",
  );
}
