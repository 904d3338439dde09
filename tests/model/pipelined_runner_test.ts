/** Two stages on two devices give the bits of one. */
import assert from "node:assert/strict";
import { PipelinedRunner, WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { type ModelPackage, openPackage } from "../../engine/formats/mod.ts";
import type { Runner, RunnerEntry } from "../../engine/runtime/runner.ts";
import { SIZES as SMALL } from "../reference/architectures.ts";
import { device } from "../support/gpu.ts";
import { fromFileUrl } from "../support/paths.ts";
import { type RandomModelOptions, writeRandomModel } from "../support/random_model.ts";
import { createRandom } from "../support/random.ts";

const MAX_SEQUENCES = 4;
const SIZES = { maxSequences: MAX_SEQUENCES, contextLength: 512 };

const TINY = fromFileUrl(new URL("../../models/ollm-tiny", import.meta.url));

/** Calls `use` with the same model on one device and on two. */
async function withBoth(
  pkg: ModelPackage,
  use: (whole: WgslRunner, pipelined: PipelinedRunner) => Promise<void>,
): Promise<void> {
  const whole = await WgslRunner.load(device, pkg, SIZES);
  const pipelined = await PipelinedRunner.load(device, pkg, SIZES);
  try {
    await use(whole, pipelined);
  } finally {
    pipelined.destroy();
    whole.destroy();
  }
}

/** A sequence that owns every fourth block. */
function entry(
  sequence: number,
  { tokens, firstPosition = 0, numLogits = 1 }: {
    tokens: number[];
    firstPosition?: number;
    numLogits?: number;
  },
): RunnerEntry {
  const numBlocks = Math.ceil((firstPosition + tokens.length) / 16);
  const blocks = Array.from({ length: numBlocks }, (_, i) => sequence + MAX_SEQUENCES * i);
  return { sequence, tokens, firstPosition, blocks, numLogits };
}

function randomTokens(vocabSize: number, seed: number, length: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length }, () => Math.floor(random() * vocabSize));
}

async function assertSameBits(
  [whole, pipelined]: readonly [Runner, Runner],
  entries: readonly RunnerEntry[],
): Promise<Float32Array> {
  const expected = await whole.run(entries);
  const actual = await pipelined.run(entries);
  assert.equal(actual.length, expected.length);
  const differing = expected.findIndex((value, i) => !Object.is(value, actual[i]));
  assert.equal(differing, -1, `${actual[differing]} instead of ${expected[differing]}`);
  return expected;
}

/** Prefill in chunks with and without logits, ragged batches, drafts, decode. */
async function assertSameSteps(whole: WgslRunner, pipelined: PipelinedRunner): Promise<void> {
  const { vocabSize } = whole.limits;
  const both = [whole, pipelined] as const;
  const long = randomTokens(vocabSize, 1, 330);
  for (const [first, end] of [[0, 128], [128, 256], [256, 317]] as const) {
    const numLogits = end === 317 ? 1 : 0;
    await assertSameBits(both, [
      entry(0, { tokens: long.slice(first, end), firstPosition: first, numLogits }),
    ]);
  }
  const others = [1, 2, 3].map((sequence) =>
    randomTokens(vocabSize, 1 + sequence, 13 * sequence * sequence)
  );
  // A ragged batch whose pieces cut through sequences, and where some want no logits, or several.
  await assertSameBits(both, [
    entry(1, { tokens: others[0]! }),
    entry(0, { tokens: [long[317]!], firstPosition: 317 }),
    entry(2, { tokens: others[1]!.slice(0, 50), numLogits: 0 }),
    entry(3, { tokens: others[2]!.slice(0, 50), numLogits: 3 }),
  ]);
  await assertSameBits(both, [
    entry(2, { tokens: others[1]!.slice(50), firstPosition: 50 }),
    entry(3, { tokens: others[2]!.slice(50), firstPosition: 50 }),
  ]);
  for (let i = 318; i < 330; i++) {
    const streams = [1, 2, 3].slice(0, i % 4).map((sequence) =>
      entry(sequence, { tokens: [i], firstPosition: 117 + i - 318 })
    );
    await assertSameBits(both, [
      entry(0, { tokens: [long[i]!], firstPosition: i }),
      ...streams,
    ]);
  }
}

/** Two groups of sequences, each in one step at a time, both in flight; prompts in chunks, decode and drafts among them. */
async function assertSameInFlight(whole: Runner, pipelined: Runner): Promise<void> {
  const { vocabSize } = whole.limits;
  const lengths = [70, 9, 41, 23];
  const tokens = lengths.map((length, i) => randomTokens(vocabSize, 20 + i, length + 40));
  const groups: RunnerEntry[][][] = [[0, 2], [1, 3]].map((sequences) => {
    const prompts = sequences.map((sequence) =>
      entry(sequence, { tokens: tokens[sequence]!.slice(0, lengths[sequence]) })
    );
    const [long, short] = prompts as [RunnerEntry, RunnerEntry];
    const half = Math.ceil(long.tokens.length / 2);
    const chunks = [
      [{ ...long, tokens: long.tokens.slice(0, half), numLogits: 0 }],
      [{ ...long, tokens: long.tokens.slice(half), firstPosition: half }, short],
    ];
    const numDecoded = [1, 1, 4, 1, 2, 1, 1, 3, 1, 1];
    let done = 0;
    const steps = numDecoded.map((count) => {
      const entries = sequences.map((sequence) => {
        const first = lengths[sequence]! + done;
        const own = tokens[sequence]!.slice(first, first + count);
        return entry(sequence, { tokens: own, firstPosition: first, numLogits: count });
      });
      done += count;
      return entries;
    });
    return [...chunks, ...steps];
  });
  const runGroup = async (steps: RunnerEntry[][]) => {
    const logits: Float32Array[] = [];
    for (const step of steps) logits.push((await pipelined.run(step)).slice());
    return logits;
  };
  const actual = await Promise.all(groups.map(runGroup));
  for (const [i, steps] of groups.entries()) {
    for (const [j, step] of steps.entries()) {
      const expected = await whole.run(step);
      assert.deepEqual(actual[i]![j], expected, `step ${j} of group ${i}`);
    }
  }
}

/** A package, and the rows of its head. */
type Case = Omit<RandomModelOptions, "sizes"> & { vocabSize?: number };

const CASES: readonly Case[] = [
  { architecture: "llama", quantization: "q4f16_1", hasHead: true },
  // Rows of a large head lie otherwise, also where a stage holds half of them.
  { architecture: "llama", quantization: "q4f16_1", hasHead: true, vocabSize: 30000 },
  { architecture: "qwen2", quantization: "q4f16_1", hasHead: false, vocabSize: 30000 },
  { architecture: "qwen3", quantization: "q4f32_1", hasHead: false },
  { architecture: "gemma3", quantization: "q0f16", hasHead: false },
];

for (const { vocabSize = SMALL.vocab_size, ...model } of CASES) {
  const { architecture, quantization, hasHead } = model;
  Deno.test(
    `PipelinedRunner.run() on ${architecture} ${quantization} with ${
      hasHead ? "its own" : "a tied"
    } head of ${vocabSize} rows gives the bits of one device`,
    async () => {
      const dir = await writeRandomModel({
        ...model,
        sizes: { context_window_size: 512, vocab_size: vocabSize },
      });
      await withBoth(await openPackage(dir), async (whole, pipelined) => {
        await assertSameSteps(whole, pipelined);
        await assertSameInFlight(whole, pipelined);
      });
    },
  );
}

Deno.test("PipelinedRunner.run() on ollm-tiny gives the bits of one device", async () => {
  await withBoth(await openPackage(TINY), assertSameSteps);
});

Deno.test("PipelinedRunner.run() gives two steps in flight the bits that one device gives each alone", async () => {
  await withBoth(await openPackage(TINY), assertSameInFlight);
});

Deno.test("PipelinedRunner.run() keeps more steps than are in flight at once in order", async () => {
  await withBoth(await openPackage(TINY), async (whole, pipelined) => {
    const tokens = randomTokens(whole.limits.vocabSize, 9, 24);
    const steps = [0, 1, 2, 3].map((sequence) => [
      entry(sequence, { tokens: tokens.slice(0, 8 + sequence), numLogits: 8 }),
    ]);
    // Each wants as many logits as a step can have.
    assert.ok(whole.limits.maxLogitsRows <= 8);
    const actual = await Promise.all(steps.map((step) => pipelined.run(step)));
    for (const [i, step] of steps.entries()) {
      assert.deepEqual(actual[i], await whole.run(step), `step ${i}`);
    }
  });
});

Deno.test("PipelinedRunner.run() says the same greedy words as one device for 30 prompts", async () => {
  await withBoth(await openPackage(TINY), async (whole, pipelined) => {
    for (let prompt = 0; prompt < 30; prompt++) {
      let tokens = randomTokens(whole.limits.vocabSize, prompt, 3 + 2 * prompt);
      let firstPosition = 0;
      for (let step = 0; step < 12; step++) {
        const logits = await assertSameBits(
          [whole, pipelined],
          [entry(prompt % MAX_SEQUENCES, { tokens, firstPosition })],
        );
        firstPosition += tokens.length;
        tokens = [logits.indexOf(logits.reduce((best, value) => Math.max(best, value)))];
      }
    }
  });
});

Deno.test("PipelinedRunner.run() goes on after it was idle for long", async () => {
  await withBoth(await openPackage(TINY), async (whole, pipelined) => {
    const tokens = randomTokens(whole.limits.vocabSize, 5, 9);
    await assertSameBits([whole, pipelined], [entry(0, { tokens })]);
    await new Promise((resolve) => setTimeout(resolve, 350)); // the worker is back at its messages
    await assertSameBits([whole, pipelined], [entry(0, { tokens: [3], firstPosition: 9 })]);
  });
});
