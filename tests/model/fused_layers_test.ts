/** All layers in one dispatch give the bits of a dispatch for each kernel. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { type ModelPackage, openPackage } from "../../engine/formats/mod.ts";
import { GpuDevice, setSoftwareMode, TimestampTrace } from "../../engine/gpu/mod.ts";
import type { RunnerEntry } from "../../engine/runtime/runner.ts";
import { type RandomModelOptions, writeRandomModel } from "../support/random_model.ts";

// Whatever a worker of another test has left: nothing is fused inline.
setSoftwareMode("pool");
const device = await GpuDevice.create();

const SIZES = { maxSequences: 17, contextLength: 128 };

/** One processor runs one workgroup behind the other: nothing is fused there. */
const ignore = navigator.hardwareConcurrency < 2;

async function openRandom(options: Partial<RandomModelOptions>): Promise<ModelPackage> {
  const all = { architecture: "llama", quantization: "q4f16_1", hasHead: false } as const;
  const sizes = { head_dim: 32 }; // whole groups, so that each kernel ends in an activation
  return await openPackage(await writeRandomModel({ ...all, sizes, ...options }));
}

/** Calls `use` with a runner that fuses and one that does not. */
async function withBoth(
  pkg: ModelPackage,
  use: (fused: WgslRunner, alone: WgslRunner) => Promise<void>,
): Promise<void> {
  const fused = await WgslRunner.load(device, pkg, { ...SIZES, fusesLayers: true });
  const alone = await WgslRunner.load(device, pkg, { ...SIZES, fusesLayers: false });
  try {
    await use(fused, alone);
  } finally {
    fused.destroy();
    alone.destroy();
  }
}

/** Tokens of a sequence whose blocks lie apart. */
function entry(tokens: number[], firstPosition: number, sequence = 0): RunnerEntry {
  const blocks = Array.from({ length: 8 }, (_, i) => 8 * sequence + (3 * i) % 8);
  return { sequence, tokens, firstPosition, blocks, numLogits: 1 };
}

/** A token each of so many sequences, at different positions. */
function batch(numSequences: number, firstPosition: number): RunnerEntry[] {
  return Array.from(
    { length: numSequences },
    (_, i) => entry([(5 + 7 * i) % 60], firstPosition + 5 * i, i),
  );
}

async function countFused(runner: WgslRunner, entries: RunnerEntry[]): Promise<number> {
  const trace = new TimestampTrace(runner.device);
  runner.trace = trace;
  await runner.run(entries);
  runner.trace = null;
  return [...(await trace.collect()).keys()].filter((name) => name.startsWith("fused")).length;
}

async function assertSameSteps(fused: WgslRunner, alone: WgslRunner): Promise<void> {
  const prompt = Array.from({ length: 37 }, (_, i) => (11 * i) % 60);
  for (const [tokens, position] of [[[5], 0], [prompt, 1], [[9], 38], [[8], 39]] as const) {
    const expected = await alone.run([entry([...tokens], position)]);
    assert.deepEqual(await fused.run([entry([...tokens], position)]), expected);
  }
  const drafted = [{ ...entry([3, 4, 5], 40), numLogits: 3 }];
  assert.deepEqual(await fused.run(drafted), await alone.run(drafted));
  const run = { numSteps: 5, numChoices: 50 };
  for (const numSequences of [1, 2, 3, 4, 5, 16, 17]) {
    const entries = batch(numSequences, 40);
    assert.deepEqual(await fused.run(entries), await alone.run(entries));
    assert.deepEqual(await fused.runGreedy(entries, run), await alone.runGreedy(entries, run));
  }
}

const FUSABLE: Partial<RandomModelOptions>[] = [
  {},
  { architecture: "qwen2", hasHead: true },
  { architecture: "qwen3", sizes: { head_dim: 128 } },
  { quantization: "q0f32" },
];
for (const options of FUSABLE) {
  const name = `${options.architecture ?? "llama"} in ${options.quantization ?? "q4f16_1"}`;
  Deno.test({
    name: `WgslRunner computes ${name} to the bit with all layers in one dispatch`,
    ignore,
    fn: async () => {
      await withBoth(await openRandom(options), async (fused, alone) => {
        /** Both run it, so that their caches stay alike. */
        const count = async (entries: RunnerEntry[]) => {
          assert.equal(await countFused(alone, entries), 0);
          return await countFused(fused, entries);
        };
        assert.equal(await count(batch(1, 0)), 1);
        assert.equal(await count(batch(3, 0)), 0, "not compiled yet");
        await assertSameSteps(fused, alone);
        await fused.prepareAll();
        for (const numSequences of [2, 3, 4, 5, 16]) {
          assert.equal(await count(batch(numSequences, 0)), 1);
        }
        assert.equal(await count(batch(17, 0)), 0);
        assert.equal(await count([entry([3, 4], 0)]), 0, "one of two wants logits");
        await assertSameSteps(fused, alone);
      });
    },
  });
}

Deno.test("WgslRunner leaves layers apart that differ in more than their weights", async () => {
  await withBoth(await openRandom({ architecture: "gemma3", sizes: {} }), async (fused, alone) => {
    assert.equal(await countFused(fused, batch(1, 0)), 0);
    await assertSameSteps(fused, alone);
  });
});

Deno.test({
  name: "WgslRunner.run() computes a step again in which the workgroups did not meet",
  ignore,
  fn: async () => {
    const buffers: GPUBuffer[] = [];
    const create = device.createBuffer;
    device.createBuffer = (label, ...rest) => {
      const buffer = create.call(device, label, ...rest);
      if (label === "grid barrier") buffers.push(buffer);
      return buffer;
    };
    try {
      await withBoth(await openRandom({}), async (fused, alone) => {
        const [grid] = buffers;
        const expected = await alone.run([entry([5], 0)]);
        // One has given up before; one arrival too many, so that who waits for the last one waits in vain or leaves too early.
        for (const words of [[1, 0], [0, 1]]) {
          device.writeBuffer(grid!, new Uint32Array(words));
          assert.deepEqual(await fused.run([entry([5], 0)]), expected);
        }
        // Without logits nobody hears of it, so such a step must not give up.
        device.writeBuffer(grid!, new Uint32Array([1, 0]));
        for (const runner of [fused, alone]) await runner.run([{ ...entry([9], 0), numLogits: 0 }]);
        assert.deepEqual(await fused.run([entry([5], 1)]), await alone.run([entry([5], 1)]));
        device.writeBuffer(grid!, new Uint32Array([1, 0]));
        const run = { numSteps: 4, numChoices: 50 };
        const choices = await alone.runGreedy([entry([7], 1)], run);
        assert.deepEqual(await fused.runGreedy([entry([7], 1)], run), choices);
        await fused.prepareAll();
        device.writeBuffer(grid!, new Uint32Array([0, 1]));
        assert.deepEqual(await fused.run(batch(4, 9)), await alone.run(batch(4, 9)));
      });
    } finally {
      device.createBuffer = create;
    }
  },
});

Deno.test({
  name: "WgslRunner.prepareMore() has another thread compile for batches, once there has been one",
  ignore,
  fn: async () => {
    await withBoth(await openRandom({}), async (fused, alone) => {
      assert.equal(await fused.prepareMore(), false);
      for (const runner of [fused, alone]) await runner.run(batch(3, 0));
      const deadline = Date.now() + 120_000;
      let numWaits = 0;
      while (await countFused(fused, batch(3, 1)) === 0) {
        assert.ok(Date.now() < deadline, "nothing has been compiled");
        if (await fused.prepareMore()) continue;
        numWaits++; // for the other thread
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.ok(numWaits > 0);
      await alone.run(batch(3, 1));
      assert.deepEqual(await fused.run(batch(3, 2)), await alone.run(batch(3, 2)));
    });
  },
});
