/**
 * Packages to download, the way to download them, and what must be there afterwards.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  downloadModel,
  type DownloadModelOptions,
  type DownloadTuning,
  readMark,
} from "../../engine/store/download/mod.ts";
import { describeOpaque } from "../../engine/store/opaque.ts";
import type { ModelInfo } from "../../engine/types.ts";
import type { LocalHub } from "./local_hub.ts";
import { describeFile } from "./local_hub_files.ts";
import { type IndexShard, writePackage } from "./mlc_package.ts";
import { createHash } from "node:crypto";
import { createRandom } from "./random.ts";
import { makeTestDir } from "./test_dir.ts";

/** Repository that {@linkcode download} fetches. */
export const REPOSITORY = "org/model";

/** Waits that would take seconds take milliseconds. */
export const FAST: Partial<DownloadTuning> = {
  backoffMs: 1,
  maxBackoffMs: 4,
  stallMs: 200,
  lockPollMs: 10,
  reportMs: 0,
};

/**
 * Writes a package whose shards have these sizes, filled with seeded bytes.
 *
 * @returns its directory
 */
export function writeLargePackage(shardBytes: readonly number[], seed = 1): Promise<string> {
  const random = createRandom(seed);
  const shards = shardBytes.map((nbytes) =>
    Uint8Array.from({ length: nbytes }, () => random() * 256)
  );
  return writePackage((fixture) => {
    fixture.config.tokenizer_files = ["tokenizer.json", "vocab.json", "merges.txt"];
    fixture.files["vocab.json"] = { a: 0 };
    fixture.files["merges.txt"] = "#version: 0.2\n";
    fixture.files["README.md"] = "not to be fetched";
    fixture.files["pytorch_model.bin"] = "never to be fetched";
    fixture.shards = shards;
    fixture.index.records = shards.map((shard, i) => indexOf(shard, i));
  });
}

function indexOf(shard: Uint8Array, i: number): IndexShard {
  return {
    dataPath: `params_shard_${i}.bin`,
    format: "raw-shard",
    nbytes: shard.length,
    md5sum: createHash("md5").update(shard).digest("hex"),
    records: [{
      name: `w${i}`,
      shape: [shard.length / 4],
      dtype: "uint32",
      format: "raw",
      nbytes: shard.length,
      byteOffset: 0,
    }],
  };
}

/** Files of {@linkcode writeLargePackage} that belong to the model. */
export function modelFiles(numShards: number): string[] {
  const shards = Array.from({ length: numShards }, (_, i) => `params_shard_${i}.bin`);
  return [
    "merges.txt",
    "mlc-chat-config.json",
    ...shards,
    "tensor-cache.json",
    "tokenizer.json",
    "vocab.json",
  ].sort();
}

/** A hub model that is to lie in `dir`. */
export function hubModel(dir: string, changes: Partial<ModelInfo> = {}): ModelInfo {
  return {
    ...describeOpaque(REPOSITORY, "not on this machine"),
    sourceKind: "hugging-face",
    repository: REPOSITORY,
    path: dir,
    ...changes,
  };
}

/** Downloads {@linkcode REPOSITORY} with short waits. */
export function download(
  hub: LocalHub,
  dir: string,
  options: Partial<DownloadModelOptions> & { model?: Partial<ModelInfo> } = {},
): Promise<void> {
  const { model, hub: hubOptions, tuning, ...rest } = options;
  return downloadModel(hubModel(dir, model), {
    hub: { endpoint: hub.endpoint, libraryEndpoint: hub.libraryEndpoint, ...hubOptions },
    tuning: { ...FAST, ...tuning },
    ...rest,
  });
}

/** An absent directory inside a new one. */
export function newModelDir(): string {
  return `${makeTestDir()}/models/model`;
}

/** Names in a directory, sorted; none when it is absent. */
export function listNames(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Every file equals the source's, the mark says so, and nothing else lies there. */
export async function assertComplete(dir: string, source: string, files: string[]): Promise<void> {
  assert.deepEqual(listNames(dir), [".ollm.json", ...files]);
  const mark = await readMark(dir);
  assert.ok(mark);
  const expected = files.map((path) => {
    const { size, sha256 } = describeFile(path, `${source}/${path}`);
    return { path, bytes: size, sha256 };
  });
  const actual = files.map((path) => describeFile(path, `${dir}/${path}`).sha256);
  assert.deepEqual(mark.files, expected);
  assert.deepEqual(actual, expected.map(({ sha256 }) => sha256));
}
