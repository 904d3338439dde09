/** Steps that choose their tokens on the device: they are what as many single steps are, bit for bit. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { type AdapterKind, GpuDevice } from "../../engine/gpu/mod.ts";
import { NO_TOKEN, type RunnerEntry } from "../../engine/runtime/runner.ts";
import { createSampler, resolveSampling } from "../../engine/sampling/mod.ts";
import { SIZES } from "../reference/architectures.ts";
import { createRandom } from "../support/random.ts";
import { type RandomModelOptions, writeRandomModel } from "../support/random_model.ts";

/** Decode steps behind each prompt. */
const NUM_STEPS = 25;
/** Runs of them. */
const RUNS = [8, 1, 4, 2, 8, 2];
/** Ends in a block, at its end, and before the context that a step is encoded for gets longer. */
const PROMPT_LENGTHS = [13, 32, 250, 3];
const BLOCKS_EACH = 18;

/** A sequence and its own blocks. */
interface Sequence {
  id: number;
  tokens: number[];
  blocks: number[];
}

/** A runner on the set that suits `kind`, whatever this machine's adapter is. */
async function loadRunner(
  kind: AdapterKind,
  options: Omit<RandomModelOptions, "architecture" | "hasHead">,
): Promise<WgslRunner> {
  const dir = await writeRandomModel({
    architecture: "llama",
    hasHead: true,
    sizes: { context_window_size: 512 },
    ...options,
  });
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind } });
  return await WgslRunner.load(device, await openPackage(dir), { maxSequences: 8 });
}

function destroy(runner: WgslRunner): void {
  runner.destroy();
  runner.device.destroy();
}

/** Sequences with blocks from `first` on, in no order. */
function createSequences(first: number, lengths: readonly number[] = PROMPT_LENGTHS): Sequence[] {
  return lengths.map((length, i) => {
    const random = createRandom(length);
    const tokens = Array.from({ length }, () => Math.floor(random() * SIZES.vocab_size));
    const blocks = Array.from(
      { length: BLOCKS_EACH },
      (_, block) => first + (7 * block + 3) % BLOCKS_EACH + i * BLOCKS_EACH,
    );
    return { id: first + i, tokens, blocks };
  });
}

/** The last token of each sequence. */
function lastTokens(sequences: readonly Sequence[]): RunnerEntry[] {
  return sequences.map(({ id, tokens, blocks }) => ({
    sequence: id,
    tokens: [tokens.at(-1)!],
    firstPosition: tokens.length - 1,
    blocks,
    numLogits: 1,
  }));
}

/** All but the last token of each. */
async function prefill(runner: WgslRunner, sequences: readonly Sequence[]): Promise<void> {
  for (const { id, tokens, blocks } of sequences) {
    const some = tokens.slice(0, -1);
    await runner.run([{ sequence: id, tokens: some, firstPosition: 0, blocks, numLogits: 0 }]);
  }
}

/** Step by step, by the engine's own sampler. @returns the logits behind the last token */
async function decodeOnHost(
  runner: WgslRunner,
  sequences: readonly Sequence[],
  numChoices: number,
): Promise<Float32Array> {
  const { vocabSize } = runner.limits;
  const sampler = createSampler(resolveSampling({ temperature: 0 }, {}), []);
  await prefill(runner, sequences);
  for (let step = 0; step < NUM_STEPS; step++) {
    const logits = await runner.run(lastTokens(sequences));
    for (const [i, { tokens }] of sequences.entries()) {
      const row = logits.subarray(i * vocabSize, i * vocabSize + numChoices);
      tokens.push(sampler.sample(row).token);
    }
  }
  return await runner.run(lastTokens(sequences));
}

/** The same in runs. */
async function decodeInRuns(
  runner: WgslRunner,
  sequences: readonly Sequence[],
  numChoices: number,
): Promise<Float32Array> {
  await prefill(runner, sequences);
  for (const numSteps of RUNS) {
    const chosen = await runner.runGreedy(lastTokens(sequences), { numSteps, numChoices });
    assert.equal(chosen.length, numSteps * sequences.length);
    chosen.forEach((token, i) => sequences[i % sequences.length]!.tokens.push(token));
  }
  return await runner.run(lastTokens(sequences));
}

for (const kind of ["software", "gpu"] as const) {
  for (const quantization of ["q4f16_1", "q0f32"] as const) {
    Deno.test(`WgslRunner.runGreedy() on the ${kind} set in ${quantization} gives tokens, keys and values of single steps, alone and in a batch`, async () => {
      const runner = await loadRunner(kind, { quantization });
      const { vocabSize } = runner.limits;
      for (const numChoices of [vocabSize, 100]) {
        const expected = createSequences(0);
        const logits = await decodeOnHost(runner, expected, numChoices);
        const texts = expected.map(({ tokens }) => tokens.slice(-NUM_STEPS));
        assert.ok(new Set(texts.flat()).size > 20, "the model says the same for ever");
        const batch = createSequences(72);
        assert.deepEqual(await decodeInRuns(runner, batch, numChoices), logits);
        assert.deepEqual(batch.map(({ tokens }) => tokens.slice(-NUM_STEPS)), texts);
        for (const [i, sequence] of createSequences(144).entries()) {
          const row = logits.slice(i * vocabSize, (i + 1) * vocabSize);
          assert.deepEqual(await decodeInRuns(runner, [sequence], numChoices), row);
          assert.deepEqual(sequence.tokens.slice(-NUM_STEPS), texts[i]);
        }
      }
      destroy(runner);
    });
  }

  Deno.test(`WgslRunner.runGreedy() on the ${kind} set chooses no token where logits are NaN, and does not change the others`, async () => {
    const brokenToken = 77;
    const runner = await loadRunner(kind, { quantization: "q0f32", brokenToken });
    const { vocabSize } = runner.limits;
    const run = { numSteps: 8, numChoices: vocabSize };
    const [sound] = createSequences(0, [13]) as [Sequence];
    await prefill(runner, [sound]);
    const expected = await runner.runGreedy(lastTokens([sound]), run);
    const [, broken, other] = createSequences(100, [5, 9, 13]) as [Sequence, Sequence, Sequence];
    await prefill(runner, [broken, other]);
    broken.tokens[broken.tokens.length - 1] = brokenToken;
    const chosen = await runner.runGreedy(lastTokens([broken, other]), run);
    assert.equal(chosen[0], NO_TOKEN);
    assert.deepEqual(chosen.filter((_, i) => i % 2 === 1), expected);
    assert.ok((await runner.run(lastTokens([broken]))).every(Number.isNaN)); // as the host finds
    destroy(runner);
  });
}

Deno.test("WgslRunner.runGreedy() refuses what it cannot run", async () => {
  const runner = await loadRunner("software", { quantization: "q0f32" });
  const { vocabSize } = runner.limits;
  const [sequence] = createSequences(0, [13]) as [Sequence];
  const [entry] = lastTokens([sequence]) as [RunnerEntry];
  const run = { numSteps: 4, numChoices: vocabSize };
  const cases: [RunnerEntry, typeof run, RegExp][] = [
    [entry, { ...run, numSteps: 9 }, /9 greedy steps; 1 to 8/],
    [entry, { ...run, numSteps: 0 }, /0 greedy steps/],
    [entry, { ...run, numChoices: vocabSize + 1 }, /332 ids to choose from; the model has 331/],
    [entry, { ...run, numChoices: 0 }, /0 ids/],
    [{ ...entry, tokens: [1, 2] }, run, /2 tokens and 1 logits rows/],
    [{ ...entry, numLogits: 0 }, run, /1 tokens and 0 logits rows/],
    [{ ...entry, blocks: [5] }, { ...run, numSteps: 5 }, /hold 16 tokens, 5 steps need 17/],
  ];
  for (const [one, options, message] of cases) {
    await assert.rejects(runner.runGreedy([one], options), { name: "RangeError", message });
  }
  assert.equal((await runner.runGreedy([{ ...entry, blocks: [5] }], run)).length, 4);
  destroy(runner);
});
