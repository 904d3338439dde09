/**
 * Writes tensors as the shards of an MLC package.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A tensor as it is stored. */
export interface Tensor {
  name: string;
  shape: number[];
  dtype: "uint32" | "float16" | "float32";
  bytes: Uint8Array<ArrayBuffer>;
}

/** What the usual converter aims at; a larger tensor gets a shard of its own. */
const SHARD_BYTES = 32 * 1024 * 1024;

/** Fills shards in order and returns the records of the index. */
export async function writeShards(dir: string, tensors: Iterable<Tensor>): Promise<unknown[]> {
  const records: unknown[] = [];
  let pending: Tensor[] = [];
  let numPending = 0;
  const flush = async () => {
    if (pending.length === 0) return;
    const dataPath = `params_shard_${records.length}.bin`;
    const hash = createHash("md5");
    const file = await Deno.create(`${dir}/${dataPath}`);
    let byteOffset = 0;
    const own = [];
    for (const { name, shape, dtype, bytes } of pending) {
      hash.update(bytes);
      await writeAll(file, bytes);
      own.push({ name, shape, dtype, format: "raw", byteOffset, nbytes: bytes.length });
      byteOffset += bytes.length;
    }
    file.close();
    records.push({
      dataPath,
      format: "raw-shard",
      nbytes: byteOffset,
      md5sum: hash.digest("hex"),
      records: own,
    });
    pending = [];
    numPending = 0;
  };
  for (const tensor of tensors) {
    if (numPending + tensor.bytes.length > SHARD_BYTES) await flush();
    pending.push(tensor);
    numPending += tensor.bytes.length;
  }
  await flush();
  return records;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}
