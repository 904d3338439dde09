import assert from "node:assert/strict";
import { ModelInvalidError } from "../../../engine/errors.ts";
import { openPackage } from "../../../engine/formats/mod.ts";
import { type PackageFixture, writePackage } from "../../support/mlc_package.ts";
import { makeTestDir } from "../../support/test_dir.ts";

Deno.test("openPackage() reads settings, shards and tensors", async () => {
  const dir = await writePackage();
  const pkg = await openPackage(dir);
  assert.equal(pkg.dir, dir);
  assert.equal(pkg.modelType, "llama");
  assert.equal(pkg.quantization, "q4f16_1");
  assert.equal(pkg.vocabSize, 320);
  assert.equal(pkg.weightsBytes, 38);
  assert.equal(pkg.config.hidden_size, 64);
  assert.deepEqual([...pkg.tensors.keys()], ["a", "b", "c", "d", "e"]);
  assert.deepEqual(pkg.tensors.get("b"), {
    name: "b",
    shape: [3],
    dtype: "f32",
    storage: "bf16",
    shard: 0,
    byteOffset: 12,
    nbytes: 6,
  });
  assert.deepEqual(pkg.shards.map((shard) => [shard.path, shard.nbytes]), [
    [`${dir}/params_shard_0.bin`, 26],
    [`${dir}/params_shard_1.bin`, 12],
  ]);
});

Deno.test("openPackage() lays the package's limits over the architecture's", async () => {
  const pkg = await openPackage(await writePackage());
  assert.equal(pkg.contextLength, 256);
  assert.equal(pkg.config.context_window_size, 256);
  assert.equal(pkg.config.prefill_chunk_size, 128);
  assert.equal(pkg.config.sliding_window_size, undefined); // -1 is unset
});

Deno.test("openPackage() takes the architecture's context length when the package sets none", async () => {
  const dir = await writePackage(({ config }) => config.context_window_size = -1);
  assert.equal((await openPackage(dir)).contextLength, 512);
});

Deno.test("openPackage() accepts the older name of the index", async () => {
  const dir = await writePackage();
  await Deno.rename(`${dir}/tensor-cache.json`, `${dir}/ndarray-cache.json`);
  assert.equal((await openPackage(dir)).tensors.size, 5);
});

Deno.test("openPackage() sorts a shard's tensors by offset", async () => {
  const dir = await writePackage(({ index }) => index.records[0]!.records.reverse());
  assert.deepEqual((await openPackage(dir)).shards[0]!.tensors.map((t) => t.name), ["a", "b", "c"]);
});

Deno.test("openPackage() refuses a directory that does not exist", async () => {
  await assert.rejects(
    openPackage("/nonexistent/model"),
    new ModelInvalidError(
      'Cannot open "/nonexistent/model": it is not a directory; give the directory of a model package',
    ),
  );
});

/** What is done to a valid package, and what the message must say. */
interface BrokenPackage {
  name: string;
  damage: (fixture: PackageFixture) => void;
  message: RegExp;
}

const firstShard = ({ index }: PackageFixture) => index.records[0]!;
const firstTensor = (fixture: PackageFixture) => firstShard(fixture).records[0]!;

const BROKEN_PACKAGES: BrokenPackage[] = [
  {
    name: "a configuration without an object of dimensions",
    damage: ({ config }) => Object.assign(config, { model_config: "llama" }),
    message: /mlc-chat-config\.json": model_config is "llama", expected an object/,
  },
  {
    name: "no architecture",
    damage: ({ config }) => delete config.model_type,
    message: /model_type is nothing, expected a name of letters/,
  },
  {
    name: "an architecture that is not a name",
    damage: ({ config }) => config.model_type = "../llama",
    message: /model_type is "\.\.\/llama"/,
  },
  {
    name: "a quantization that is not a text",
    damage: ({ config }) => config.quantization = 4,
    message: /quantization is 4, expected a name of letters/,
  },
  {
    name: "an empty vocabulary",
    damage: ({ config }) => config.vocab_size = 0,
    message: /vocab_size is 0, expected a whole number from 1 to 4194304/,
  },
  {
    name: "a vocabulary beyond all real ones",
    damage: ({ config }) => config.vocab_size = 1e12,
    message: /vocab_size is 1000000000000, /,
  },
  {
    name: "half a layer",
    damage: ({ config }) => config.model_config.num_hidden_layers = 1.5,
    message: /model_config\.num_hidden_layers is 1\.5, expected a whole number from 1 to 4096/,
  },
  {
    name: "a negative width",
    damage: ({ config }) => config.model_config.hidden_size = -64,
    message: /model_config\.hidden_size is -64, /,
  },
  {
    name: "a context length of 0",
    damage: ({ config }) => config.context_window_size = 0,
    message: /context_window_size is 0, expected a whole number from 1/,
  },
  {
    name: "no context length at all",
    damage: ({ config }) => {
      config.context_window_size = -1;
      delete config.model_config.context_window_size;
    },
    message: /context_window_size is nothing, expected a number of tokens/,
  },
  {
    name: "a configuration that is not JSON",
    damage: ({ files }) => files["mlc-chat-config.json"] = '{"model_type": "llama"',
    message: /mlc-chat-config\.json": it is not JSON/,
  },
  {
    name: "a configuration that is a list",
    damage: ({ files }) => files["mlc-chat-config.json"] = "[]",
    message: /the content is \[\], expected a JSON object/,
  },
  {
    name: "a configuration that is not UTF-8",
    damage: ({ files }) => files["mlc-chat-config.json"] = Uint8Array.of(0x7b, 0xff, 0x7d),
    message: /it is not UTF-8/,
  },
  {
    name: "a configuration of two megabytes",
    damage: ({ config }) => config.padding = "x".repeat(2_000_000),
    message: /it has 20\d+ bytes, at most 1048576 are allowed/,
  },
  {
    name: "an index without shards",
    damage: ({ index }) => index.records = [],
    message: /tensor-cache\.json": records is \[\], expected a list of 1 to 16384 objects/,
  },
  {
    name: "an index that nests without end",
    damage: ({ files }) =>
      files["tensor-cache.json"] = `{"records": ${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
    message: /tensor-cache\.json": it nests deeper than 64; download it again/,
  },
  {
    name: "an index of nothing but empty lists",
    damage: ({ files }) => files["tensor-cache.json"] = `{"records": [${"[],".repeat(1e5)}[]]}`,
    message: /tensor-cache\.json": it has more than \d+ objects and lists; download it again/,
  },
  {
    name: "a shard without tensors",
    damage: (fixture) => firstShard(fixture).records = [],
    message: /records\[0\]\.records is \[\]/,
  },
  {
    name: "a shard that is no object",
    damage: ({ index }) => Object.assign(index.records, { 1: null }),
    message: /records\[1\] is null, expected an object/,
  },
  {
    name: "a shard outside the package",
    damage: (fixture) => firstShard(fixture).dataPath = "../params_shard_0.bin",
    message: /dataPath is "\.\.\/params_shard_0\.bin", expected params_shard_<number>\.bin/,
  },
  {
    name: "a shard named twice",
    damage: ({ index }) => index.records[1]!.dataPath = "params_shard_0.bin",
    message: /records\[1\]\.dataPath is "params_shard_0\.bin", expected each shard once/,
  },
  {
    name: "a shard of an unknown format",
    damage: (fixture) => firstShard(fixture).format = "zip",
    message: /records\[0\]\.format is "zip", expected "raw-shard"/,
  },
  {
    name: "a checksum that is none",
    damage: (fixture) => firstShard(fixture).md5sum = "abc",
    message: /records\[0\]\.md5sum is "abc", expected 32 hexadecimal digits/,
  },
  {
    name: "a shard of negative size",
    damage: (fixture) => firstShard(fixture).nbytes = -26,
    message: /records\[0\]\.nbytes is -26, expected a whole number of bytes/,
  },
  {
    name: "a missing shard",
    damage: ({ index, shards }) => {
      shards.pop();
      index.records[1]!.dataPath = "params_shard_9.bin";
    },
    message: /params_shard_9\.bin is missing; download the package again/,
  },
  {
    name: "a truncated shard",
    damage: ({ shards }) => shards[0] = shards[0]!.slice(0, 25),
    message: /params_shard_0\.bin": it has 25 bytes, the index says 26/,
  },
  {
    name: "a tensor without a name",
    damage: (fixture) => firstTensor(fixture).name = "",
    message: /records\[0\]\.records\[0\]\.name is "", expected a name of 1 to 512 bytes/,
  },
  {
    name: "a tensor with an endless name",
    damage: (fixture) => firstTensor(fixture).name = "é".repeat(257),
    message: /expected a name of 1 to 512 bytes/,
  },
  {
    name: "a tensor named twice",
    damage: ({ index }) => index.records[1]!.records[0]!.name = "a",
    message: /records\[1\] tensor is "a", expected each tensor once/,
  },
  {
    name: "a shape without dimensions",
    damage: (fixture) => firstTensor(fixture).shape = [],
    message: /\(a\)\.shape is \[\], expected 1 to 8 dimensions/,
  },
  {
    name: "a shape of nine dimensions",
    damage: (fixture) => firstTensor(fixture).shape = [1, 1, 1, 1, 1, 1, 1, 2, 3],
    message: /expected 1 to 8 dimensions/,
  },
  {
    name: "an empty dimension",
    damage: (fixture) => firstTensor(fixture).shape = [2, 0],
    message: /\(a\)\.shape is \[2,0\], expected whole dimensions above 0/,
  },
  {
    name: "a broken dimension",
    damage: (fixture) => firstTensor(fixture).shape = [2.5, 3],
    message: /\(a\)\.shape is \[2\.5,3\]/,
  },
  {
    name: "a shape whose product overflows",
    damage: (fixture) => firstTensor(fixture).shape = [2 ** 31, 2 ** 31, 2 ** 31],
    message: /with a sane product/,
  },
  {
    name: "a size that does not follow from the shape",
    damage: (fixture) => firstTensor(fixture).shape = [2, 4],
    message: /\(a\)\.nbytes is 12, expected 16 for \[2,4\] f16/,
  },
  {
    name: "a bfloat16 tensor counted as float32",
    damage: (fixture) => firstShard(fixture).records[1]!.format = "raw",
    message: /\(b\)\.nbytes is 6, expected 12 for \[3\] f32/,
  },
  {
    name: "an element type that is not read",
    damage: (fixture) => firstTensor(fixture).dtype = "float8_e4m3fn",
    message: /\(a\)\.dtype is "float8_e4m3fn", expected float32, bfloat16, float16 or uint32/,
  },
  {
    name: "an unknown encoding",
    damage: (fixture) => firstTensor(fixture).format = "gzip",
    message: /\(a\)\.format is "gzip", expected "raw" or "f32-to-bf16"/,
  },
  {
    name: "tensors that share bytes",
    damage: (fixture) => firstShard(fixture).records[1]!.byteOffset = 11,
    message: /\(b\)\.byteOffset is 11, expected at least 12, where a ends/,
  },
  {
    name: "a tensor that leaves the shard",
    damage: (fixture) => firstShard(fixture).records[2]!.byteOffset = 19,
    message: /\(c\) end is 27, expected at most the shard's 26 bytes/,
  },
  {
    name: "an offset before the shard",
    damage: (fixture) => firstTensor(fixture).byteOffset = -2,
    message: /\(a\)\.byteOffset is -2, expected a whole number of bytes/,
  },
  {
    name: "an offset that is no exact number",
    damage: (fixture) => firstTensor(fixture).byteOffset = 2 ** 53,
    message: /\(a\)\.byteOffset is 9007199254740992, /,
  },
];

for (const { name, damage, message } of BROKEN_PACKAGES) {
  Deno.test(`openPackage() refuses ${name}`, async () => {
    const dir = await writePackage(damage);
    await assert.rejects(openPackage(dir), (error) => {
      assert(error instanceof ModelInvalidError, `another error: ${error}`);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("openPackage() names both index files when neither is there", async () => {
  const dir = await writePackage();
  await Deno.remove(`${dir}/tensor-cache.json`);
  await assert.rejects(openPackage(dir), /it has no tensor-cache\.json or ndarray-cache\.json/);
});

Deno.test("openPackage() refuses a shard that is a link out of the package", async () => {
  const dir = await writePackage();
  const outside = `${makeTestDir()}/shard.bin`;
  await Deno.rename(`${dir}/params_shard_0.bin`, outside);
  await Deno.symlink(outside, `${dir}/params_shard_0.bin`);
  await assert.rejects(openPackage(dir), /it is a link out of the package/);
});

Deno.test("openPackage() refuses a shard that is a directory", async () => {
  const dir = await writePackage();
  await Deno.remove(`${dir}/params_shard_0.bin`);
  await Deno.mkdir(`${dir}/params_shard_0.bin`);
  await assert.rejects(openPackage(dir), /it is not a regular file/);
});
