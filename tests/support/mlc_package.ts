/**
 * Writes small MLC packages into temporary directories; tests damage them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { makeTestDir } from "./test_dir.ts";
import { byteLevelTokenizer } from "./tokenizer.ts";

/** A parameter of the index, as published. */
export interface IndexTensor {
  name: string;
  shape: number[];
  dtype: string;
  format: string;
  nbytes: number;
  byteOffset: number;
}

/** A shard of the index, as published. */
export interface IndexShard {
  dataPath: string;
  format: string;
  nbytes: number;
  md5sum: string;
  records: IndexTensor[];
}

/** The files of a package before they are written. */
export interface PackageFixture {
  config: Record<string, unknown> & { model_config: Record<string, unknown> };
  index: { metadata: Record<string, unknown>; records: IndexShard[] };
  /** Contents of the shards, in the order of the index. */
  shards: Uint8Array<ArrayBuffer>[];
  /** Further files by name; an object is written as JSON. */
  files: Record<string, string | Uint8Array | Record<string, unknown>>;
}

/**
 * A valid package: two shards, one tensor of each way to store one.
 *
 * - shard 0: `a` [2, 3] float16 at 0, `b` [3] float32 stored as bfloat16 at 12, `c` [2] uint32 at 18 (unaligned)
 * - shard 1: `d` [2] float32 at 0, `e` [1, 2] bfloat16 at 8
 */
export function createPackageFixture(): PackageFixture {
  const shard0 = new Uint8Array(26);
  shard0.set(new Uint8Array(Uint16Array.of(1, 2, 3, 4, 5, 6).buffer), 0);
  shard0.set(new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x4049).buffer), 12); // 1, -2, 3.140625
  shard0.set(new Uint8Array(Uint32Array.of(7, 0xfedcba98).buffer), 18);
  const shard1 = new Uint8Array(12);
  shard1.set(new Uint8Array(Float32Array.of(0.1, -3).buffer), 0);
  shard1.set(new Uint8Array(Uint16Array.of(0x0000, 0xff80).buffer), 8); // 0, -Infinity
  return {
    config: {
      model_type: "llama",
      quantization: "q4f16_1",
      model_config: {
        hidden_size: 64,
        intermediate_size: 128,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 16,
        rms_norm_eps: 1e-5,
        vocab_size: 320,
        context_window_size: 512,
        position_embedding_base: 10000,
      },
      vocab_size: 320,
      context_window_size: 256,
      sliding_window_size: -1,
      prefill_chunk_size: 128,
      temperature: 0.7,
      top_p: 0.95,
    },
    index: {
      metadata: { ParamSize: 5, ParamBytes: 38, BitsPerParam: 16 },
      records: [
        indexShard(0, shard0, [
          indexTensor("a", [2, 3], "float16", "f32-to-bf16", 12, 0),
          indexTensor("b", [3], "float32", "f32-to-bf16", 6, 12),
          indexTensor("c", [2], "uint32", "f32-to-bf16", 8, 18),
        ]),
        indexShard(1, shard1, [
          indexTensor("d", [2], "float32", "raw", 8, 0),
          indexTensor("e", [1, 2], "bfloat16", "raw", 4, 8),
        ]),
      ],
    },
    shards: [shard0, shard1],
    files: { "tokenizer.json": byteLevelTokenizer() },
  };
}

/**
 * Writes a package into a new directory that goes away with the test process.
 *
 * @param damage changes the valid fixture before it is written
 */
export async function writePackage(
  damage: (fixture: PackageFixture) => void = () => {},
): Promise<string> {
  const dir = makeTestDir();
  await writePackageInto(dir, damage);
  return dir;
}

/** Writes a package into an existing directory. */
export async function writePackageInto(
  dir: string,
  damage: (fixture: PackageFixture) => void = () => {},
): Promise<void> {
  const fixture = createPackageFixture();
  damage(fixture);
  const files: PackageFixture["files"] = {
    "mlc-chat-config.json": fixture.config,
    "tensor-cache.json": fixture.index,
    ...fixture.files,
  };
  for (const [i, shard] of fixture.shards.entries()) files[`params_shard_${i}.bin`] = shard;
  for (const [name, content] of Object.entries(files)) {
    const bytes = content instanceof Uint8Array
      ? content
      : new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));
    await Deno.writeFile(`${dir}/${name}`, bytes);
  }
}

function indexTensor(
  name: string,
  shape: number[],
  dtype: string,
  format: string,
  nbytes: number,
  byteOffset: number,
): IndexTensor {
  return { name, shape, dtype, format, nbytes, byteOffset };
}

function indexShard(number: number, data: Uint8Array, records: IndexTensor[]): IndexShard {
  return {
    dataPath: `params_shard_${number}.bin`,
    format: "raw-shard",
    nbytes: data.length,
    md5sum: createHash("md5").update(data).digest("hex"),
    records,
  };
}
