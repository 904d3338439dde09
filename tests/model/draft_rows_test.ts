/** What drafts ask of a runner: a row of logits for each, and rejected ones leave no trace. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { type AdapterKind, GpuDevice } from "../../engine/gpu/mod.ts";
import { createRandom } from "../support/random.ts";
import { writeRandomModel } from "../support/random_model.ts";
import { SIZES } from "../reference/architectures.ts";

/** A prompt and eight tokens behind it; the last of them lie in another block. */
const NUM_PROMPT_TOKENS = 27;
const NUM_TOKENS = 35;

const random = createRandom(5);
const randomTokens = (count: number) =>
  Array.from({ length: count }, () => Math.floor(random() * SIZES.vocab_size));
const tokens = randomTokens(NUM_TOKENS);
const dir = await writeRandomModel({
  architecture: "llama",
  quantization: "q4f16_1",
  hasHead: true,
});

/** A runner on the set that suits `kind`, whatever this machine's adapter is. */
async function loadRunner(kind: AdapterKind): Promise<WgslRunner> {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind } });
  return await WgslRunner.load(device, await openPackage(dir), { contextLength: 64 });
}

/** A sequence's own blocks. */
const blocksOf = (sequence: number) => [4 * sequence, 4 * sequence + 1, 4 * sequence + 2];

/** @param numLogits absent for all of them */
async function run(
  runner: WgslRunner,
  { sequence, first, some, numLogits = some.length }: {
    sequence: number;
    first: number;
    some: readonly number[];
    numLogits?: number;
  },
): Promise<Float32Array> {
  const blocks = blocksOf(sequence);
  return await runner.run([{ sequence, tokens: some, firstPosition: first, blocks, numLogits }]);
}

async function prefill(runner: WgslRunner, sequence: number): Promise<void> {
  const some = tokens.slice(0, NUM_PROMPT_TOKENS);
  await run(runner, { sequence, first: 0, some, numLogits: 0 });
}

/** The rows behind each token after the prompt, computed one by one. */
async function decode(runner: WgslRunner, sequence: number): Promise<Float32Array[]> {
  await prefill(runner, sequence);
  const rows: Float32Array[] = [];
  for (let position = NUM_PROMPT_TOKENS; position < NUM_TOKENS; position++) {
    rows.push(await run(runner, { sequence, first: position, some: [tokens[position]!] }));
  }
  return rows;
}

for (const kind of ["software", "gpu"] as const) {
  Deno.test(`WgslRunner.run() on the ${kind} set gives drafts the bits of decoding them, whatever was rejected before`, async () => {
    const runner = await loadRunner(kind);
    const { vocabSize } = runner.limits;
    const expected = await decode(runner, 0);
    await prefill(runner, 1);
    for (const numDrafts of [7, 3, 1]) {
      for (let first = NUM_PROMPT_TOKENS; first + numDrafts < NUM_TOKENS; first += numDrafts + 1) {
        const right = tokens.slice(first, first + numDrafts + 1);
        await run(runner, { sequence: 1, first, some: [right[0]!, ...randomTokens(numDrafts)] });
        const rows = await run(runner, { sequence: 1, first, some: right });
        for (let i = 0; i <= numDrafts; i++) {
          const row = rows.slice(i * vocabSize, (i + 1) * vocabSize);
          assert.deepEqual(row, expected[first - NUM_PROMPT_TOKENS + i], `${numDrafts}, row ${i}`);
        }
      }
    }
    runner.destroy();
    runner.device.destroy();
  });
}

Deno.test("WgslRunner.run() gives the rows of several sequences in their order, and none for a part of a prompt", async () => {
  const runner = await loadRunner("software");
  const { vocabSize } = runner.limits;
  const expected = await decode(runner, 0);
  await prefill(runner, 1);
  await prefill(runner, 2);
  const entry = (sequence: number, first: number, count: number, numLogits: number) => ({
    sequence,
    tokens: tokens.slice(first, first + count),
    firstPosition: first,
    blocks: blocksOf(sequence),
    numLogits,
  });
  const rows = await runner.run([
    entry(1, NUM_PROMPT_TOKENS, 4, 2),
    entry(3, 0, 5, 0),
    entry(2, NUM_PROMPT_TOKENS, 1, 1),
  ]);
  assert.equal(rows.length, 3 * vocabSize);
  [2, 3, 0].forEach((place, row) => {
    assert.deepEqual(rows.slice(row * vocabSize, (row + 1) * vocabSize), expected[place]);
  });
  runner.destroy();
  runner.device.destroy();
});
