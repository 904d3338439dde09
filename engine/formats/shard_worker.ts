/**
 * Entry of the workers that read and check shards while another isolate uploads those before.
 *
 * @module
 */
import { toErrorRecord } from "../errors.ts";
import { readShardFile } from "./shard_file.ts";
import type { ShardReply, ShardRequest } from "./shard_reader.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data: { shard, verify, buffer } }: MessageEvent<ShardRequest>) => {
  try {
    readShardFile(shard, new Uint8Array(buffer), verify);
    scope.postMessage({ buffer } satisfies ShardReply, [buffer]);
  } catch (error) {
    scope.postMessage({ error: toErrorRecord(error) } satisfies ShardReply);
  }
};
