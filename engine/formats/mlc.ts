/**
 * MLC packages: `mlc-chat-config.json`, the parameter index and its shards.
 *
 * @see https://llm.mlc.ai/docs/compilation/convert_weights.html
 * @module
 */
import { basename } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { statInside } from "./files.ts";
import { readMlcConfig } from "./mlc_config.ts";
import { readMlcIndex } from "./mlc_index.ts";
import type { ModelPackage, ShardInfo } from "./package.ts";

/**
 * Reads and checks everything but the weights.
 *
 * @throws {ModelInvalidError} a file is absent, damaged, or disagrees with another
 */
export async function openMlcPackage(dir: string): Promise<ModelPackage> {
  const config = await readMlcConfig(dir);
  const { shards, tensors } = await readMlcIndex(config.dir);
  for (const shard of shards) await checkShardSize(config.dir, shard);
  let weightsBytes = 0;
  for (const tensor of tensors.values()) weightsBytes += tensor.nbytes;
  return { ...config, shards, tensors, weightsBytes };
}

async function checkShardSize(dir: string, shard: ShardInfo): Promise<void> {
  const nbytes = await statInside(dir, basename(shard.path));
  if (nbytes === null) {
    throw new ModelInvalidError(
      `Cannot open "${dir}": ${basename(shard.path)} is missing; download the package again`,
    );
  }
  if (nbytes !== shard.nbytes) {
    throw new ModelInvalidError(
      `Cannot open "${shard.path}": it has ${nbytes} bytes, the index says ${shard.nbytes}; ` +
        "download the shard again",
    );
  }
}
