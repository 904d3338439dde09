/**
 * Streams the weights of an open package, one shard in memory at a time.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { ModelInvalidError } from "../errors.ts";
import type { ModelPackage, ShardInfo, TensorInfo } from "./package.ts";

/** Bytes of one read: large enough to hide the calls, small enough for smooth progress. */
const READ_BYTES = 4 * 1024 * 1024;

/** Options of {@linkcode readTensors}. */
export interface ReadTensorsOptions {
  /**
   * Compares each shard with its MD5 before any of its tensors is handed out.
   * @default true
   */
  verify?: boolean;
  /** Gets the number of file bytes read so far, over all shards. */
  onProgress?: (numBytes: number) => void;
}

/** A decoded tensor. */
export interface LoadedTensor {
  /** Which one. */
  info: TensorInfo;
  /** Little-endian elements of `info.dtype`, at offset 0 of a buffer that the caller owns. */
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Yields every tensor of the package, shard by shard in file order. Peak memory is one shard and one decoded tensor.
 *
 * @throws {ModelInvalidError} a shard is missing, has another size, or its MD5 differs
 */
export async function* readTensors(
  pkg: Pick<ModelPackage, "shards">,
  options: ReadTensorsOptions = {},
): AsyncGenerator<LoadedTensor> {
  const { verify = true, onProgress } = options;
  let numBytes = 0;
  for (const shard of pkg.shards) {
    const data = await readShard(shard, verify, (n) => onProgress?.(numBytes + n));
    numBytes += shard.nbytes;
    for (const info of shard.tensors) yield { info, bytes: decodeTensor(info, data) };
  }
}

async function readShard(
  shard: ShardInfo,
  verify: boolean,
  onProgress: (numBytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await openShard(shard);
  // The size was checked when the package was opened; checked again, as the file may have changed since.
  const { size } = await file.stat();
  if (size !== shard.nbytes) throw wrongSize(shard, size);
  const data = new Uint8Array(shard.nbytes);
  const hash = verify && shard.md5 !== null ? createHash("md5") : null;
  for (let offset = 0; offset < data.length;) {
    const numRead = await file.read(data.subarray(offset, offset + READ_BYTES));
    if (numRead === null) throw wrongSize(shard, offset);
    hash?.update(data.subarray(offset, offset + numRead));
    offset += numRead;
    onProgress(offset);
  }
  const md5 = hash?.digest("hex") ?? shard.md5;
  if (md5 !== shard.md5) {
    throw new ModelInvalidError(
      `Cannot load "${shard.path}": its MD5 is ${md5}, the index says ${shard.md5}; ` +
        "download the shard again",
    );
  }
  return data;
}

async function openShard(shard: ShardInfo): Promise<Deno.FsFile> {
  try {
    return await Deno.open(shard.path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ModelInvalidError(
      `Cannot load "${shard.path}": the file is missing; download the shard again`,
      { cause: error },
    );
  }
}

function wrongSize(shard: ShardInfo, nbytes: number): ModelInvalidError {
  return new ModelInvalidError(
    `Cannot load "${shard.path}": it has ${nbytes} bytes, the index says ${shard.nbytes}; ` +
      "download the shard again",
  );
}

function decodeTensor(info: TensorInfo, shard: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const stored = shard.slice(info.byteOffset, info.byteOffset + info.nbytes);
  return info.storage === "bf16" ? decodeBf16(stored) : stored;
}

/**
 * Widens bfloat16 to float32: the 16 bits are the upper half of the float.
 *
 * @param stored [n] bf16, little-endian
 * @returns [n] f32, little-endian
 */
function decodeBf16(stored: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const halves = new Uint16Array(stored.buffer);
  const floats = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = halves[i]! << 16;
  return new Uint8Array(floats.buffer);
}
