/**
 * Which files of a repository make an MLC package. Nothing else of it is ever fetched.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { DownloadError } from "../../errors.ts";
import {
  invalidField,
  isJsonObject,
  type JsonObject,
  MAX_CONFIG_BYTES,
  MAX_INDEX_BYTES,
  MAX_SHARDS,
  MAX_TOKENIZER_BYTES,
  MLC_CONFIG_FILE,
  MLC_INDEX_FILES,
  readJsonInside,
} from "../../formats/mod.ts";
import { type Digest, parseDigest } from "./digest.ts";
import type { RepositoryListing } from "./hub.ts";

/** Fetched where they are there, whether or not the configuration lists them. */
const OPTIONAL_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "chat_template.json",
  "added_tokens.json",
  "special_tokens_map.json",
  "generation_config.json",
  "config.json",
];

const SHARD_NAME = /^params_shard_[0-9]{1,6}\.bin$/;
/** What a configuration may list as a tokenizer's file. */
const TOKENIZER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\.(?:json|txt|jinja|model)$/;

/** A file to fetch. */
export interface PackageFile {
  name: string;
  maxBytes: number;
  /** Known from the package's index, beside what the hub says. */
  digests: Digest[];
}

/**
 * The files that tell which others there are: configuration and index.
 *
 * @throws {DownloadError} the repository is no MLC package
 */
export function listHeadFiles(
  repository: string,
  { files }: RepositoryListing,
): [config: PackageFile, index: PackageFile] {
  const index = MLC_INDEX_FILES.find((name) => files.has(name));
  if (!files.has(MLC_CONFIG_FILE) || index === undefined) {
    throw new DownloadError(
      "download_failed",
      `Cannot download ${repository}: it is no MLC package, since it has no ${
        files.has(MLC_CONFIG_FILE) ? MLC_INDEX_FILES.join(" or ") : MLC_CONFIG_FILE
      }; choose a repository that has one`,
    );
  }
  return [
    { name: MLC_CONFIG_FILE, maxBytes: MAX_CONFIG_BYTES, digests: [] },
    { name: index, maxBytes: MAX_INDEX_BYTES, digests: [] },
  ];
}

/**
 * All other files: the shards of the index, and the tokenizer's.
 *
 * @param config path of the fetched configuration
 * @param index path of the fetched index
 * @throws {ModelInvalidError} one of the two is damaged
 * @throws {DownloadError} a file that the index names is not in the repository, or of another size there
 */
export async function listBodyFiles(
  repository: string,
  listing: RepositoryListing,
  { config, index }: { config: string; index: string },
): Promise<PackageFile[]> {
  const tokenizerFiles = readTokenizerFiles(config, await readHead(config, MAX_CONFIG_BYTES));
  const shards = readShards(index, await readHead(index, MAX_INDEX_BYTES));
  for (const { name, maxBytes } of shards) {
    const listed = listing.files.get(name);
    if (listed === undefined || (listed.size ?? maxBytes) !== maxBytes) {
      throw new DownloadError(
        "download_failed",
        `Cannot download ${repository}: its index says that ${name} has ${maxBytes} bytes, the hub ` +
          `${listed === undefined ? "does not have it" : `has ${listed.size}`}; ` +
          "the repository is damaged: choose another revision",
      );
    }
  }
  const names = new Set([...tokenizerFiles, ...OPTIONAL_FILES]);
  const present = [...names].filter((name) => listing.files.has(name));
  return [
    ...present.map((name) => ({ name, maxBytes: MAX_TOKENIZER_BYTES, digests: [] })),
    ...shards,
  ];
}

async function readHead(path: string, maxBytes: number): Promise<JsonObject> {
  return (await readJsonInside(dirname(path), basename(path), maxBytes))!;
}

function readTokenizerFiles(path: string, config: JsonObject): string[] {
  const names = config.tokenizer_files ?? [];
  if (!Array.isArray(names)) throw invalidField(path, "tokenizer_files", names, "a list of names");
  for (const [i, name] of names.entries()) {
    if (typeof name !== "string" || !TOKENIZER_NAME.test(name)) {
      throw invalidField(
        path,
        `tokenizer_files[${i}]`,
        name,
        "a name that ends in .json, .txt, .jinja or .model",
      );
    }
  }
  return names;
}

function readShards(path: string, index: JsonObject): PackageFile[] {
  const { records } = index;
  if (!Array.isArray(records) || records.length === 0 || records.length > MAX_SHARDS) {
    throw invalidField(path, "records", records, `a list of 1 to ${MAX_SHARDS} objects`);
  }
  const shards = records.map((record, i) => readShard(path, `records[${i}]`, record));
  return [...new Map(shards.map((shard) => [shard.name, shard])).values()];
}

function readShard(path: string, where: string, record: unknown): PackageFile {
  if (!isJsonObject(record)) throw invalidField(path, where, record, "an object");
  const { dataPath, nbytes, md5sum } = record;
  if (typeof dataPath !== "string" || !SHARD_NAME.test(dataPath)) {
    throw invalidField(path, `${where}.dataPath`, dataPath, "params_shard_<number>.bin");
  }
  if (typeof nbytes !== "number" || !Number.isSafeInteger(nbytes) || nbytes < 0) {
    throw invalidField(path, `${where}.nbytes`, nbytes, "a whole number of bytes");
  }
  const md5 = parseDigest("md5", md5sum);
  if (md5 === null && md5sum !== undefined && md5sum !== null) {
    throw invalidField(path, `${where}.md5sum`, md5sum, "32 hexadecimal digits");
  }
  return { name: dataPath, maxBytes: nbytes, digests: md5 === null ? [] : [md5] };
}
