/**
 * Reads the parameter index of an MLC package into shards and tensors, checking it against itself. Opens no shard.
 *
 * @module
 */
import { join } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import { invalidField, isJsonObject, type JsonObject, readJsonInside } from "./files.ts";
import { MAX_DIMS, MAX_INDEX_BYTES, MAX_NAME_BYTES, MAX_SHARDS, MAX_TENSORS } from "./limits.ts";
import type { ShardInfo, TensorInfo } from "./package.ts";

/** Current name of the index first, then the one that older packages use. */
export const MLC_INDEX_FILES = ["tensor-cache.json", "ndarray-cache.json"] as const;

/** Bytes of one element as it lies in the file. */
export const STORAGE_BYTES: Record<TensorInfo["storage"], number> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  u32: 4,
};

/** The only names a shard may have: nothing else is ever opened for weights. */
const SHARD_NAME = /^params_shard_[0-9]{1,6}\.bin$/;
const MD5 = /^[0-9a-f]{32}$/;

/** What the index says. */
export interface MlcIndex {
  /** Absolute path of the index file. */
  path: string;
  /** In the order of the index. */
  shards: ShardInfo[];
  /** By name. */
  tensors: Map<string, TensorInfo>;
}

/**
 * Reads the index.
 *
 * @param dir absolute directory of the package
 * @throws {ModelInvalidError} absent, damaged or contradictory; names file, record, value and expectation
 */
export async function readMlcIndex(dir: string): Promise<MlcIndex> {
  for (const name of MLC_INDEX_FILES) {
    const json = await readJsonInside(dir, name, MAX_INDEX_BYTES);
    if (json !== null) return parseIndex(dir, join(dir, name), json);
  }
  throw new ModelInvalidError(
    `Cannot open "${dir}": it has no ${MLC_INDEX_FILES.join(" or ")}; download the package again`,
  );
}

function parseIndex(dir: string, path: string, json: JsonObject): MlcIndex {
  const records = readList(path, "records", json.records, MAX_SHARDS);
  const shards: ShardInfo[] = [];
  const tensors = new Map<string, TensorInfo>();
  const names = new Set<string>();
  for (const [shard, record] of records.entries()) {
    const where = `records[${shard}]`;
    const dataPath = record.dataPath;
    if (typeof dataPath !== "string" || !SHARD_NAME.test(dataPath)) {
      throw invalidField(path, `${where}.dataPath`, dataPath, "params_shard_<number>.bin");
    }
    if (names.has(dataPath)) {
      throw invalidField(path, `${where}.dataPath`, dataPath, "each shard once");
    }
    names.add(dataPath);
    if (record.format !== "raw-shard") {
      throw invalidField(path, `${where}.format`, record.format, '"raw-shard"');
    }
    const nbytes = readCount(path, `${where}.nbytes`, record.nbytes);
    const own = readList(path, `${where}.records`, record.records, MAX_TENSORS).map((entry, i) =>
      parseTensor(path, `${where}.records[${i}]`, entry, shard, nbytes)
    );
    for (const tensor of own) {
      if (tensors.has(tensor.name)) {
        throw invalidField(path, `${where} tensor`, tensor.name, "each tensor once");
      }
      tensors.set(tensor.name, tensor);
    }
    if (tensors.size > MAX_TENSORS) {
      throw invalidField(path, "number of tensors", tensors.size, `at most ${MAX_TENSORS}`);
    }
    checkOverlap(path, where, own);
    shards.push({
      path: join(dir, dataPath),
      nbytes,
      md5: readMd5(path, where, record.md5sum),
      tensors: own,
    });
  }
  if (tensors.size === 0) throw invalidField(path, "number of tensors", 0, "at least 1");
  return { path, shards, tensors };
}

function parseTensor(
  path: string,
  where: string,
  record: JsonObject,
  shard: number,
  shardBytes: number,
): TensorInfo {
  const name = record.name;
  if (typeof name !== "string" || name === "" || utf8Length(name) > MAX_NAME_BYTES) {
    throw invalidField(path, `${where}.name`, name, `a name of 1 to ${MAX_NAME_BYTES} bytes`);
  }
  const tensorAt = `${where} (${name})`;
  const shape = readShape(path, tensorAt, record.shape);
  const { dtype, storage } = readType(path, tensorAt, record);
  const nbytes = readCount(path, `${tensorAt}.nbytes`, record.nbytes);
  const byteOffset = readCount(path, `${tensorAt}.byteOffset`, record.byteOffset);
  const expected = shape.reduce((product, dim) => product * dim, STORAGE_BYTES[storage]);
  if (nbytes !== expected) {
    throw invalidField(path, `${tensorAt}.nbytes`, nbytes, `${expected} for [${shape}] ${storage}`);
  }
  if (byteOffset + nbytes > shardBytes) {
    throw invalidField(
      path,
      `${tensorAt} end`,
      byteOffset + nbytes,
      `at most the shard's ${shardBytes} bytes`,
    );
  }
  return { name, shape, dtype, storage, shard, byteOffset, nbytes };
}

function readShape(path: string, where: string, value: unknown): number[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_DIMS) {
    throw invalidField(path, `${where}.shape`, value, `1 to ${MAX_DIMS} dimensions`);
  }
  let elements = 1;
  for (const dim of value) {
    elements *= typeof dim === "number" && Number.isInteger(dim) && dim > 0 ? dim : NaN;
  }
  // Any size in bytes that is computed from the shape stays an exact integer below this bound.
  if (!(elements <= Number.MAX_SAFE_INTEGER / 8)) {
    throw invalidField(
      path,
      `${where}.shape`,
      value,
      "whole dimensions above 0 with a sane product",
    );
  }
  return value;
}

/**
 * Element types by the pair of dtype and format. `f32-to-bf16` stands on every record and means something for float32 only:
 * 2 bytes an element, the upper half of the float.
 */
function readType(
  path: string,
  where: string,
  record: JsonObject,
): Pick<TensorInfo, "dtype" | "storage"> {
  if (record.format !== "raw" && record.format !== "f32-to-bf16") {
    throw invalidField(path, `${where}.format`, record.format, '"raw" or "f32-to-bf16"');
  }
  switch (record.dtype) {
    case "float32":
      return { dtype: "f32", storage: record.format === "raw" ? "f32" : "bf16" };
    case "bfloat16":
      return { dtype: "f32", storage: "bf16" };
    case "float16":
      return { dtype: "f16", storage: "f16" };
    case "uint32":
      return { dtype: "u32", storage: "u32" };
  }
  throw invalidField(path, `${where}.dtype`, record.dtype, "float32, bfloat16, float16 or uint32");
}

/** Sorts a shard's tensors by offset and refuses shared bytes. */
function checkOverlap(path: string, where: string, tensors: TensorInfo[]): void {
  tensors.sort((a, b) => a.byteOffset - b.byteOffset);
  for (let i = 1; i < tensors.length; i++) {
    const before = tensors[i - 1]!;
    const tensor = tensors[i]!;
    const end = before.byteOffset + before.nbytes;
    if (tensor.byteOffset < end) {
      throw invalidField(
        path,
        `${where} (${tensor.name}).byteOffset`,
        tensor.byteOffset,
        `at least ${end}, where ${before.name} ends`,
      );
    }
  }
}

function readList(path: string, field: string, value: unknown, max: number): JsonObject[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > max) {
    throw invalidField(path, field, value, `a list of 1 to ${max} objects`);
  }
  for (const [i, item] of value.entries()) {
    if (!isJsonObject(item)) throw invalidField(path, `${field}[${i}]`, item, "an object");
  }
  return value;
}

function readCount(path: string, field: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidField(path, field, value, "a whole number of bytes");
}

function readMd5(path: string, where: string, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const md5 = typeof value === "string" ? value.toLowerCase() : "";
  if (!MD5.test(md5)) throw invalidField(path, `${where}.md5sum`, value, "32 hexadecimal digits");
  return md5;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
