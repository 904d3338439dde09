/**
 * Both kernel sets say the same on the embedded model, alone and in a batch: `PROMPTS=200 deno test -A
 * tests/model/kernel_sets_test.ts` asks for more.
 */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { type AdapterKind, GpuDevice } from "../../engine/gpu/mod.ts";
import { argmax } from "../reference/decoder.ts";
import { createRandom } from "../support/random.ts";

const NUM_PROMPTS = Number(Deno.env.get("PROMPTS") ?? 24);
/** Four prompts are at most 128 tokens, which a step takes. */
const MAX_PROMPT = 32;
const NUM_GENERATED = 24;
const BATCH_SIZE = 8;
const BLOCK_SIZE = 16;
/** Blocks of one sequence: the longest prompt and what follows it. */
const NUM_BLOCKS = 4;

const pkg = await openPackage("models/ollm-tiny");

/** A runner on the set that suits `kind`, whatever this machine's adapter is. */
async function loadRunner(kind: AdapterKind): Promise<WgslRunner> {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind } });
  return await WgslRunner.load(device, pkg, { maxSequences: BATCH_SIZE, contextLength: 64 });
}

function createPrompts(vocabSize: number): number[][] {
  const random = createRandom(7);
  return Array.from(
    { length: NUM_PROMPTS },
    () =>
      Array.from(
        { length: 1 + Math.floor(random() * MAX_PROMPT) },
        () => Math.floor(random() * vocabSize),
      ),
  );
}

/** Greedy continuations of some prompts, all of them in one batch. */
async function generate(runner: WgslRunner, prompts: readonly number[][]): Promise<number[][]> {
  const { vocabSize } = runner.limits;
  const texts = prompts.map((prompt) => [...prompt]);
  const numComputed = prompts.map(() => 0);
  for (let i = 0; i < NUM_GENERATED; i++) {
    const logits = await runner.run(texts.map((text, sequence) => ({
      sequence,
      tokens: text.slice(numComputed[sequence]),
      firstPosition: numComputed[sequence]!,
      blocks: Array.from({ length: NUM_BLOCKS }, (_, block) => sequence * NUM_BLOCKS + block),
      numLogits: 1,
    })));
    texts.forEach((text, sequence) => {
      numComputed[sequence] = text.length;
      text.push(argmax(logits.subarray(sequence * vocabSize, (sequence + 1) * vocabSize)));
    });
  }
  return texts;
}

async function generateAll(
  runner: WgslRunner,
  prompts: readonly number[][],
  batchSize: number,
): Promise<number[][]> {
  const texts: number[][] = [];
  for (let first = 0; first < prompts.length; first += batchSize) {
    texts.push(...await generate(runner, prompts.slice(first, first + batchSize)));
  }
  return texts;
}

Deno.test("WgslRunner.run() says the same on both kernel sets, alone and in a batch", async () => {
  assert.ok(MAX_PROMPT + NUM_GENERATED <= NUM_BLOCKS * BLOCK_SIZE);
  const software = await loadRunner("software");
  const prompts = createPrompts(software.limits.vocabSize);
  const alone = await generateAll(software, prompts, 1);
  assert.deepEqual(await generateAll(software, prompts, 3), alone);
  assert.deepEqual(await generateAll(software, prompts, BATCH_SIZE / 2), alone);
  software.destroy();
  const gpu = await loadRunner("gpu");
  assert.deepEqual(await generateAll(gpu, prompts, BATCH_SIZE / 2), alone);
  gpu.destroy();
});
