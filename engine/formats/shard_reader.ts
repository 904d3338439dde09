/**
 * Hands out shards in order, read ahead and checked by workers where that is worth starting them.
 *
 * @module
 */
import { EngineError, type ErrorRecord, fromErrorRecord, ModelInvalidError } from "../errors.ts";
import { readShardFile, type ShardFile } from "./shard_file.ts";

/** To a worker; the buffer is transferred, and comes back with the reply. */
export interface ShardRequest {
  shard: ShardFile;
  verify: boolean;
  buffer: ArrayBuffer;
}

/** From a worker, in the order of the requests. */
export type ShardReply = { buffer: ArrayBuffer } | { error: ErrorRecord };

/** A processor hashes half as fast as it uploads, so two hash while one uploads. */
const NUM_WORKERS = 2;

/** Shards in memory: the one in use, one with each worker and one that waits. A usual shard has 32 MB. */
const NUM_BUFFERS = NUM_WORKERS + 2;

/** Options of {@linkcode readShards}. */
export interface ReadShardsOptions {
  verify: boolean;
  /** Bytes of all shards from which on workers read them; starting them takes as long as hashing some ten MB. */
  minParallelBytes: number;
}

/**
 * Yields the bytes of each shard, checked. They are overwritten once the next shard is asked for.
 *
 * @throws {ModelInvalidError} a shard is missing, has another size, or its MD5 differs
 */
export async function* readShards(
  shards: readonly ShardFile[],
  { verify, minParallelBytes }: ReadShardsOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const numBytes = shards.reduce((sum, { nbytes }) => sum + nbytes, 0);
  const maxBytes = shards.reduce((max, { nbytes }) => Math.max(max, nbytes), 0);
  if (shards.length === 1 || numBytes < minParallelBytes) {
    const buffer = new Uint8Array(maxBytes);
    for (const shard of shards) {
      readShardFile(shard, buffer, verify);
      yield buffer.subarray(0, shard.nbytes);
    }
    return;
  }
  using workers = new ShardWorkers();
  const reading = shards.slice(0, NUM_BUFFERS).map((shard) =>
    workers.read({ shard, verify, buffer: new ArrayBuffer(maxBytes) })
  );
  for (const [i, { nbytes }] of shards.entries()) {
    const buffer = await reading[i]!;
    yield new Uint8Array(buffer, 0, nbytes);
    const shard = shards[i + NUM_BUFFERS];
    if (shard) reading.push(workers.read({ shard, verify, buffer }));
  }
}

/** A request that was not answered yet. */
interface Pending {
  nbytes: number;
  resolve(buffer: ArrayBuffer): void;
  reject(error: Error): void;
}

/** Workers that each read one shard after the other. */
class ShardWorkers implements Disposable {
  readonly #workers = Array.from({ length: NUM_WORKERS }, () => new ShardWorker());

  /** Gives the request to whoever has least to do. */
  read(request: ShardRequest): Promise<ArrayBuffer> {
    const worker = this.#workers.reduce((idlest, other) =>
      other.pendingBytes < idlest.pendingBytes ? other : idlest
    );
    const buffer = worker.read(request);
    buffer.catch(() => {}); // fails again where its turn has come
    return buffer;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

class ShardWorker {
  readonly #worker = new Worker(new URL("./shard_worker.ts", import.meta.url), { type: "module" });
  readonly #pending: Pending[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<ShardReply>) => {
      const { resolve, reject } = this.#pending.shift()!;
      if ("buffer" in data) resolve(data.buffer);
      else reject(toError(data.error));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or the runtime ends the whole process
      const error = new EngineError("engine_failed", `The shards' reader died: ${event.message}`);
      for (const { reject } of this.#pending.splice(0)) reject(error);
    };
  }

  /** Bytes of the requests that are not answered. */
  get pendingBytes(): number {
    return this.#pending.reduce((sum, { nbytes }) => sum + nbytes, 0);
  }

  read(request: ShardRequest): Promise<ArrayBuffer> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ nbytes: request.shard.nbytes, resolve, reject });
      this.#worker.postMessage(request, [request.buffer]);
    });
  }

  terminate(): void {
    this.#worker.terminate();
  }
}

function toError(record: ErrorRecord): Error {
  return record.code === "model_invalid"
    ? new ModelInvalidError(record.message)
    : fromErrorRecord(record);
}
