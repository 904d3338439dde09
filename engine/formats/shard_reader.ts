/**
 * Hands out shards in order. Those of a large package are hashed by a worker meanwhile: a processor hashes two to three times as
 * fast as another one uploads, so their hashes are known when the last one is on its way.
 *
 * @module
 */
import { EngineError, type ErrorRecord, fromErrorRecord } from "../errors.ts";
import {
  checkMd5,
  readShardFile,
  shardChanged,
  type ShardFile,
  type ShardReading,
} from "./shard_file.ts";

/** To the worker, once. */
export type HashRequest = readonly ShardFile[];

/** From the worker, once; readings in the order of the request. */
export type HashReply = { readings: ShardReading[] } | { error: ErrorRecord };

/** Options of {@linkcode readShards}. */
export interface ReadShardsOptions {
  verify: boolean;
  /** Bytes of all shards from which on a worker hashes them; starting it takes as long as hashing some ten MB. */
  minParallelBytes: number;
}

/**
 * Yields the bytes of each shard. They are overwritten once the next shard is asked for. Small packages are checked shard by
 * shard, large ones at the end: none may be used before the last `next()` has resolved.
 *
 * @throws {ModelInvalidError} a shard is missing, has another size, changes, or its MD5 differs
 */
export async function* readShards(
  shards: readonly ShardFile[],
  { verify, minParallelBytes }: ReadShardsOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const numBytes = shards.reduce((sum, { nbytes }) => sum + nbytes, 0);
  const buffer = new Uint8Array(shards.reduce((max, { nbytes }) => Math.max(max, nbytes), 0));
  if (!verify || numBytes < minParallelBytes) {
    for (const shard of shards) {
      const isHashed = verify && shard.md5 !== null;
      const { md5 } = readShardFile(shard, buffer, isHashed);
      if (isHashed) checkMd5(shard, md5);
      yield buffer.subarray(0, shard.nbytes);
    }
    return;
  }
  const hashed = shards.filter(({ md5 }) => md5 !== null);
  using hasher = new ShardHasher(hashed);
  const stamps = new Map<ShardFile, string>();
  for (const shard of shards) {
    stamps.set(shard, readShardFile(shard, buffer, false).stamp);
    yield buffer.subarray(0, shard.nbytes);
  }
  for (const [i, { md5, stamp }] of (await hasher.readings).entries()) {
    const shard = hashed[i]!;
    checkMd5(shard, md5);
    // Both have read the file; this tells that they have read the same.
    if (stamp !== stamps.get(shard)) throw shardChanged(shard);
  }
}

/** A worker that hashes shards at once. */
class ShardHasher implements Disposable {
  /** In the order of the shards. */
  readonly readings: Promise<ShardReading[]>;
  readonly #worker = new Worker(new URL("./shard_worker.ts", import.meta.url), { type: "module" });

  constructor(shards: HashRequest) {
    this.readings = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<HashReply>) => {
        if ("readings" in data) resolve(data.readings);
        else reject(fromErrorRecord(data.error));
      };
      this.#worker.onerror = (event) => {
        event.preventDefault(); // or the runtime ends the whole process
        reject(new EngineError("engine_failed", `The shards' hasher died: ${event.message}`));
      };
    });
    this.readings.catch(() => {}); // fails again where it is awaited
    this.#worker.postMessage(shards.map(({ path, nbytes, md5 }) => ({ path, nbytes, md5 })));
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
