/**
 * Entry of the worker that hashes shards while another isolate uploads them.
 *
 * @module
 */
import { toErrorRecord } from "../errors.ts";
import { hashShardFiles } from "./shard_file.ts";
import type { HashReply, HashRequest } from "./shard_reader.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data: shards }: MessageEvent<HashRequest>) => {
  let reply: HashReply;
  try {
    reply = { readings: hashShardFiles(shards) };
  } catch (error) {
    reply = { error: toErrorRecord(error) };
  }
  scope.postMessage(reply);
};
