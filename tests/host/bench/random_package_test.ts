import assert from "node:assert/strict";
import { writeRandomPackage } from "../../../bench/random_package.ts";
import { openPackage } from "../../../engine/formats/mod.ts";

async function inFolder(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("writeRandomPackage() writes a package that the format reader accepts", () =>
  inFolder(async (dir) => {
    await writeRandomPackage(dir, { numLayers: 2, vocabSize: 300, contextLength: 64 });
    const pkg = await openPackage(dir);
    assert.equal(pkg.modelType, "qwen2");
    assert.equal(pkg.quantization, "q4f16_1");
    assert.equal(pkg.contextLength, 64);
    assert.equal(pkg.vocabSize, 300);
    assert.equal(pkg.tensors.size, 2 + 2 * (4 * 2 + 3) + 1);
    assert.deepEqual(pkg.tensors.get("model.layers.1.mlp.down_proj.q_scale")!.shape, [896, 152]);
  }));

Deno.test("writeRandomPackage() writes the same bytes for the same seed", () =>
  inFolder(async (dir) => {
    const sizes = { numLayers: 1, vocabSize: 300 };
    await writeRandomPackage(`${dir}/a`, sizes);
    await writeRandomPackage(`${dir}/b`, sizes);
    await writeRandomPackage(`${dir}/c`, { ...sizes, seed: 2 });
    const md5 = async (name: string) => (await openPackage(`${dir}/${name}`)).shards[0]!.md5;
    assert.equal(await md5("a"), await md5("b"));
    assert.notEqual(await md5("a"), await md5("c"));
  }));

Deno.test("writeRandomPackage() never writes code 15, which real packages do not hold", () =>
  inFolder(async (dir) => {
    await writeRandomPackage(dir, { numLayers: 1, vocabSize: 300 });
    const { shards, tensors } = await openPackage(dir);
    const { byteOffset, nbytes } = tensors.get("model.embed_tokens.q_weight")!;
    const bytes = (await Deno.readFile(shards[0]!.path)).subarray(byteOffset, byteOffset + nbytes);
    assert.equal(bytes.some((byte) => (byte & 15) === 15 || byte >> 4 === 15), false);
  }));

Deno.test("writeRandomPackage() leaves a complete package alone", () =>
  inFolder(async (dir) => {
    await writeRandomPackage(dir, { numLayers: 1, vocabSize: 300 });
    const { mtime } = await Deno.stat(`${dir}/params_shard_0.bin`);
    await writeRandomPackage(dir, { numLayers: 1, vocabSize: 300 });
    assert.deepEqual((await Deno.stat(`${dir}/params_shard_0.bin`)).mtime, mtime);
  }));
