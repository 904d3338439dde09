/**
 * Reads one file of weights and compares it with its MD5.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { ModelInvalidError } from "../errors.ts";
import type { ShardInfo } from "./package.ts";

/** Bytes of one read: still in the processor's cache when they are hashed. */
const READ_BYTES = 1024 * 1024;

/** What is known of a shard before it is read. */
export type ShardFile = Pick<ShardInfo, "path" | "nbytes" | "md5">;

/**
 * Fills the start of `target` with the file. Blocks the isolate.
 *
 * @param verify whether the bytes have to have the shard's MD5, where it has one
 * @throws {ModelInvalidError} the file is missing, has another size, or its MD5 differs
 */
export function readShardFile(
  shard: ShardFile,
  target: Uint8Array<ArrayBuffer>,
  verify: boolean,
): void {
  using file = openShard(shard);
  // The size was checked when the package was opened; checked again, as the file may have changed since.
  const { size } = file.statSync();
  if (size !== shard.nbytes) throw wrongSize(shard, size);
  const hash = verify && shard.md5 !== null ? createHash("md5") : null;
  for (let offset = 0; offset < shard.nbytes;) {
    const piece = target.subarray(offset, Math.min(offset + READ_BYTES, shard.nbytes));
    const numRead = file.readSync(piece);
    if (numRead === null) throw wrongSize(shard, offset);
    hash?.update(piece.subarray(0, numRead));
    offset += numRead;
  }
  const md5 = hash?.digest("hex") ?? shard.md5;
  if (md5 === shard.md5) return;
  throw new ModelInvalidError(
    `Cannot load "${shard.path}": its MD5 is ${md5}, the index says ${shard.md5}; ` +
      "download the shard again",
  );
}

function openShard(shard: ShardFile): Deno.FsFile {
  try {
    return Deno.openSync(shard.path);
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
