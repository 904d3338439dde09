/** What a load leaves for later changes no bit, and nothing that a sequence has in the cache. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import type { RunnerEntry } from "../../engine/runtime/runner.ts";
import { device } from "../support/gpu.ts";
import { writeRandomModel } from "../support/random_model.ts";

/** Two sequences that have all blocks between them, in order: block 0 too. */
function entries(tokens: readonly number[], firstPosition: number): RunnerEntry[] {
  return [0, 1].map((sequence) => ({
    sequence,
    tokens: tokens.map((token) => token + sequence),
    firstPosition,
    blocks: [2 * sequence, 2 * sequence + 1],
    numLogits: 1,
  }));
}

async function countPrepared(runner: WgslRunner): Promise<number> {
  let count = 0;
  while (await runner.prepareMore()) count++;
  return count;
}

Deno.test("WgslRunner.prepareMore() compiles for batches of a few tokens, and leaves the cache alone", async () => {
  const options = { architecture: "llama", quantization: "q4f16_1", hasHead: false } as const;
  const pkg = await openPackage(await writeRandomModel(options));
  const runner = await WgslRunner.load(device, pkg, { maxSequences: 2, contextLength: 32 });
  try {
    const prompt = Array.from({ length: 20 }, (_, i) => 3 * i);
    await runner.run(entries(prompt, 0));
    const expected = await runner.run(entries([7], 20));
    const count = await countPrepared(runner);
    assert.ok(count >= 9, `${count} entry points were left`);
    assert.deepEqual(await runner.run(entries([7], 20)), expected);
    assert.equal(await countPrepared(runner), 0);
  } finally {
    runner.destroy();
  }
});

Deno.test("WgslRunner.run() compiles for batches of a few tokens where they go on and on", async () => {
  const options = { architecture: "llama", quantization: "q4f16_1", hasHead: false } as const;
  const pkg = await openPackage(await writeRandomModel(options));
  const load = () => WgslRunner.load(device, pkg, { maxSequences: 2, contextLength: 32 });
  const [runner, other] = [await load(), await load()];
  try {
    const expected = await runner.run(entries([7], 0));
    for (let i = 0; i < 100; i++) assert.deepEqual(await runner.run(entries([7], 0)), expected);
    const count = await countPrepared(runner);
    // Those for two tokens are there; what larger batches take is left.
    await other.run(entries([7], 0));
    const all = await countPrepared(other);
    assert.ok(count > 0 && count < all, `${count} of ${all} entry points were left`);
  } finally {
    other.destroy();
    runner.destroy();
  }
});
