/**
 * Streams the weights of an open package, one shard in memory at a time.
 *
 * @module
 */
import type { ModelPackage, TensorInfo } from "./package.ts";
import { readShards } from "./shard_reader.ts";

const MIN_PARALLEL_BYTES = 64 * 1024 * 1024;

/** Options of {@linkcode readTensors}. */
export interface ReadTensorsOptions {
  /**
   * Compares each shard with its MD5.
   * @default true
   */
  verify?: boolean;
  /**
   * Bytes of a package from which on a worker checks shards while their tensors are handed out.
   * @default 67108864
   */
  minParallelBytes?: number;
}

/** A decoded tensor. */
export interface LoadedTensor {
  /** Which one. */
  info: TensorInfo;
  /**
   * Little-endian elements of `info.dtype`, the first one at a multiple of 8 bytes of its buffer. They may be changed, and are
   * overwritten once the next tensor is asked for.
   */
  bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Yields every tensor of the package, shard by shard in file order. Peak memory is one shard and one decoded tensor.
 *
 * A large package is checked while it is read, and fails behind its last tensor at the latest: nothing may be computed with a
 * tensor before all have come.
 *
 * @throws {ModelInvalidError} a shard is missing, has another size, changes, or its MD5 differs
 */
export async function* readTensors(
  pkg: Pick<ModelPackage, "shards">,
  options: ReadTensorsOptions = {},
): AsyncGenerator<LoadedTensor> {
  const { verify = true, minParallelBytes = MIN_PARALLEL_BYTES } = options;
  let i = 0;
  for await (const data of readShards(pkg.shards, { verify, minParallelBytes })) {
    for (const info of pkg.shards[i++]!.tensors) yield { info, bytes: decodeTensor(info, data) };
  }
}

function decodeTensor(info: TensorInfo, shard: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { byteOffset, nbytes } = info;
  const stored = shard.subarray(byteOffset, byteOffset + nbytes);
  if (info.storage === "bf16") return decodeBf16(stored.slice());
  return byteOffset % 8 === 0 ? stored : stored.slice();
}

/**
 * Widens bfloat16 to float32: the 16 bits are the upper half of the float.
 *
 * @param stored [n] bf16, little-endian, at offset 0 of its buffer
 * @returns [n] f32, little-endian
 */
function decodeBf16(stored: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const halves = new Uint16Array(stored.buffer);
  const floats = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = halves[i]! << 16;
  return new Uint8Array(floats.buffer);
}
