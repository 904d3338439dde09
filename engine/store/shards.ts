/**
 * Whether all weights of a package are there, by the index and the files' sizes. Understands no tensor, so it also works for
 * packages that only a compiled library can read.
 *
 * @module
 */
import { join } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { invalidField, isJsonObject, type JsonObject, readJsonInside } from "../formats/mod.ts";

/** Current name of the index first, then the one that older packages use. */
const INDEX_FILES = ["tensor-cache.json", "ndarray-cache.json"] as const;
/** The index of a 235B mixture of experts is about 4 MiB. */
const MAX_INDEX_BYTES = 32 * 1024 * 1024;
const SHARD_NAME = /^params_shard_[0-9]{1,6}\.bin$/;

/** A file of weights by the index's word. */
interface Shard {
  name: string;
  nbytes: number;
}

/**
 * Checks that every shard has the size that the index says.
 *
 * @throws {ModelInvalidError} no index, a damaged one, or files that are missing or cut; names them
 */
export async function checkShards(dir: string): Promise<void> {
  const shards = await readShards(dir);
  const sizes = await Promise.all(shards.map(({ name }) => readSize(join(dir, name))));
  const absent = shards.filter((_, i) => sizes[i] === null).map(({ name }) => name);
  if (absent.length > 0) {
    throw new ModelInvalidError(
      `Cannot open "${dir}": ${nameFiles(absent)} missing; download the package again`,
    );
  }
  const cut = shards.findIndex(({ nbytes }, i) => sizes[i] !== nbytes);
  if (cut < 0) return;
  const { name, nbytes } = shards[cut]!;
  throw new ModelInvalidError(
    `Cannot open "${join(dir, name)}": it has ${sizes[cut]} bytes, the index says ${nbytes}; ` +
      "download the shard again",
  );
}

/** Two names and the number of the others, with the verb. */
function nameFiles(names: readonly string[]): string {
  if (names.length === 1) return `${names[0]} is`;
  const more = names.length - 2;
  if (more === 0) return `${names.join(" and ")} are`;
  return `${names[0]}, ${names[1]} and ${more} more ${more === 1 ? "file" : "files"} are`;
}

async function readShards(dir: string): Promise<Shard[]> {
  for (const name of INDEX_FILES) {
    const json = await readJsonInside(dir, name, MAX_INDEX_BYTES);
    if (json !== null) return parseShards(join(dir, name), json);
  }
  throw new ModelInvalidError(
    `Cannot open "${dir}": it has no ${INDEX_FILES.join(" or ")}; download the package again`,
  );
}

function parseShards(path: string, { records }: JsonObject): Shard[] {
  if (!Array.isArray(records) || records.length === 0) {
    throw invalidField(path, "records", records, "a list of shards");
  }
  return records.map((record: unknown, i) => {
    if (!isJsonObject(record)) throw invalidField(path, `records[${i}]`, record, "an object");
    const { dataPath: name, nbytes } = record;
    if (typeof name !== "string" || !SHARD_NAME.test(name)) {
      throw invalidField(path, `records[${i}].dataPath`, name, "params_shard_<number>.bin");
    }
    if (typeof nbytes !== "number") {
      throw invalidField(path, `records[${i}].nbytes`, nbytes, "a number of bytes");
    }
    return { name, nbytes };
  });
}

async function readSize(path: string): Promise<number | null> {
  return (await Deno.stat(path).catch(() => null))?.size ?? null;
}
