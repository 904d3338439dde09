/** Weights that a worker packs are those that the loading thread packs, and fail alike. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { device } from "../support/gpu.ts";
import { writeRandomModel } from "../support/random_model.ts";

const OPTIONS = { architecture: "qwen2", hasHead: true } as const;

const ENTRY = { sequence: 0, tokens: [3, 1, 2], firstPosition: 0, blocks: [0], numLogits: 3 };

/** Whether a worker packs. */
const WAYS = { "here": Infinity, "by a worker": 0 };

for (const quantization of ["q4f16_1", "q4f32_1", "q0f16"] as const) {
  Deno.test(`WgslRunner.load() of a ${quantization} package gives the same model whoever packs it`, async () => {
    const pkg = await openPackage(await writeRandomModel({ ...OPTIONS, quantization }));
    const logits: Float32Array[] = [];
    for (const minWorkerBytes of Object.values(WAYS)) {
      const shares: number[] = [];
      const runner = await WgslRunner.load(device, pkg, {
        minWorkerBytes,
        onProgress: (share) => shares.push(share),
      });
      logits.push((await runner.run([ENTRY])).slice());
      runner.destroy();
      assert.deepEqual(shares, shares.toSorted((a, b) => a - b), "progress goes back");
      assert.equal(shares.at(-1), 1);
    }
    assert.ok(logits[0]!.some((value) => value !== 0));
    assert.deepEqual(logits[1], logits[0]);
  });
}

for (const [way, minWorkerBytes] of Object.entries(WAYS)) {
  Deno.test(`WgslRunner.load() names the damaged shard that is packed ${way}`, async () => {
    const dir = await writeRandomModel({ ...OPTIONS, quantization: "q4f16_1" });
    const pkg = await openPackage(dir);
    const path = `${dir}/params_shard_0.bin`;
    const bytes = await Deno.readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await Deno.writeFile(path, bytes);
    await assert.rejects(
      WgslRunner.load(device, pkg, { minWorkerBytes }),
      {
        name: "ModelInvalidError",
        message: /params_shard_0\.bin": its MD5 is .* download the shard/,
      },
    );
  });

  Deno.test(`WgslRunner.load() names the vector with a value that is not finite, packed ${way}`, async () => {
    const dir = await writeRandomModel({ ...OPTIONS, quantization: "q0f32" });
    const pkg = await openPackage(dir);
    const shards = pkg.shards.map((shard) => ({ ...shard, md5: null }));
    const [shard] = shards;
    const norm = shard!.tensors.find(({ name }) => name.endsWith("norm.weight"))!;
    const file = await Deno.open(shard!.path, { write: true });
    await file.seek(norm.byteOffset, Deno.SeekMode.Start);
    await file.write(new Uint8Array(Float32Array.of(NaN).buffer));
    file.close();
    await assert.rejects(
      WgslRunner.load(device, { ...pkg, shards }, { minWorkerBytes }),
      {
        name: "ModelInvalidError",
        message: `The tensor "${norm.name}" holds a value that is not finite`,
      },
    );
  });
}
