import assert from "node:assert/strict";
import { computeRateRatios, isSlower } from "../../../bench/peers/compare.ts";
import { type Append, type Decoder, measureRates } from "../../../bench/peers/decoder.ts";
import { ENGINE_NAMES } from "../../../bench/peers/engines.ts";
import { isReached, listGoals } from "../../../bench/peers/goals.ts";
import type { ModelRuns } from "../../../bench/peers/measurements.ts";
import { writePackage } from "../../../bench/peers/packages.ts";
import { formatPeers } from "../../../bench/peers/report.ts";
import { RunnerDecoder } from "../../../bench/peers/runner_decoder.ts";
import { SHAPES } from "../../../bench/peers/shapes.ts";
import type { CaseResult as BenchCase } from "../../../bench/case.ts";
import { openPackage } from "../../../engine/formats/mod.ts";
import type { Runner, RunnerEntry } from "../../../engine/runtime/runner.ts";

const RATES = {
  numPromptTokens: 512,
  numGeneratedTokens: 3,
  contexts: [8, 20],
  streams: [4],
  numWarmupTokens: 5,
};

/** Runs of one model; llama.cpp is twice as fast. */
function makeModel(speed = 100): ModelRuns {
  const run = (factor: number) => ({
    rates: {
      prefill: speed * factor,
      decode: { 64: 10 * factor, 512: 5 * factor },
      batch: { 16: 30 * factor },
    },
    quantization: "q4",
    device: "some card",
    threads: "2",
    version: "1",
  });
  const rates = { ...RATES, contexts: [64, 512], streams: [16] };
  return {
    name: "smollm2-135m",
    engines: [
      { engine: ENGINE_NAMES.ours, rates, runs: [run(1), run(1)], failure: null },
      { engine: ENGINE_NAMES.llamaCpp, rates, runs: [run(2), run(2)], failure: null },
    ],
    serving: [],
    answers: [],
    loads: [],
    startMs: [],
  };
}

const CONTEXT = {
  command: "deno task bench:peers",
  date: "2026-01-02",
  commit: "abc1234",
  deno: "2.9.6",
  os: "linux x86_64",
  processor: "some processor",
  numCores: 2,
  loadAverage: 0.1,
  numRuns: 2,
};

Deno.test("measureRates() gives each part the tokens that it names, from empty sequences", async () => {
  const parts: [number, number][][] = [];
  const decoder: Decoder = {
    vocabSize: 1000,
    reset: () => void parts.push([]),
    append(steps: readonly Append[]) {
      for (const { sequence, tokens } of steps) parts.at(-1)!.push([sequence, tokens.length]);
      return Promise.resolve();
    },
  };
  const rates = await measureRates(decoder, RATES);
  const sums = parts.map((part) => {
    const totals: Record<number, number> = {};
    for (const [sequence, count] of part) totals[sequence] = (totals[sequence] ?? 0) + count;
    return totals;
  });
  const [warmup, prefill, short, long, batch] = sums;
  assert.deepEqual([warmup, prefill], [{ 0: 5 + 2 }, { 0: 512 }]);
  assert.deepEqual([short, long], [{ 0: 8 + 3 }, { 0: 20 + 3 }]);
  assert.deepEqual(batch, { 0: 13, 1: 13, 2: 13, 3: 13 }); // 8 of context, 2 of warm-up, 3 timed
  assert.deepEqual([Object.keys(rates.decode), Object.keys(rates.batch)], [["8", "20"], ["4"]]);
});

Deno.test("RunnerDecoder cuts prompts into steps, and gives each sequence its own blocks", async () => {
  const steps: RunnerEntry[][] = [];
  const released: number[] = [];
  const limits = {
    maxStepTokens: 32,
    maxSequences: 2,
    maxLogitsRows: 2,
    contextLength: 64,
    numBlocks: 8,
    blockSize: 16,
    vocabSize: 3,
    canShareBlocks: true,
    canRewind: true,
  };
  const runner: Runner = {
    limits,
    run(entries) {
      steps.push([...entries]);
      const numRows = entries.reduce((sum, { numLogits }) => sum + numLogits, 0);
      return Promise.resolve(new Float32Array(3 * numRows));
    },
    release: (sequence) => void released.push(sequence),
    destroy() {},
  };
  const decoder = new RunnerDecoder(runner);
  await decoder.append([{ sequence: 0, tokens: new Array(40).fill(1) }]);
  await decoder.append([{ sequence: 0, tokens: [1] }, { sequence: 1, tokens: [2] }]);
  const seen = steps.map((step) =>
    step.map((entry) => [entry.firstPosition, entry.tokens.length, entry.blocks, entry.numLogits])
  );
  assert.deepEqual(seen, [
    [[0, 32, [0, 1], 0]],
    [[32, 8, [0, 1, 2], 1]],
    [[40, 1, [0, 1, 2], 1], [0, 1, [4], 1]],
  ]);
  decoder.reset();
  await decoder.append([{ sequence: 0, tokens: [1] }]);
  assert.deepEqual([released, steps.at(-1)![0]!.sequence], [[0, 1], 2]);
  await assert.rejects(
    decoder.append([{ sequence: 0, tokens: new Array(64).fill(1) }]),
    RangeError,
  );
});

Deno.test("goals hold ratios of runs side by side against their bounds", () => {
  const goals = listGoals([makeModel()]);
  const find = (what: string) => goals.find((goal) => goal.what === `smollm2-135m: ${what}`)!;
  assert.equal(find("decode at 64 / llama.cpp").value, 0.5);
  assert.equal(isReached(find("decode at 64 / llama.cpp")), true);
  assert.equal(find("16 streams / one stream, the runner").value, 3);
  assert.equal(isReached(find("first token with a cached prefix / cold")), null);
});

Deno.test("goals for 512 prompt tokens are not held against another length", () => {
  const model = makeModel();
  model.engines[0]!.rates = { ...model.engines[0]!.rates, numPromptTokens: 32 };
  const goal = listGoals([model]).find(({ what }) => what.startsWith("smollm2-135m: prefill"))!;
  assert.equal(goal.value, null);
});

Deno.test("formatPeers() shows rates, ratios and what was left out", () => {
  const model = makeModel();
  const text = formatPeers([model], CONTEXT);
  assert.match(text, /\| ollm \| q4 \| 2 \| 100 \(100 to 100\) \|/);
  assert.match(text, /\| ollm \/ llama\.cpp \| +\| +\| 0\.5 \(0\.5 to 0\.5\) \|/);
  assert.doesNotMatch(text, /busy/);
  assert.match(formatPeers([model], { ...CONTEXT, loadAverage: 3 }), /\*\*The machine was busy/);
  model.engines[1] = { ...model.engines[1]!, runs: [], failure: "no network" };
  const without = formatPeers([model], CONTEXT);
  assert.match(without, /llama\.cpp: left out after 0 runs: no network/);
  assert.doesNotMatch(without, /ollm \/ llama/);
});

Deno.test("isSlower() takes the middle of the ratios, and anything that is no number", () => {
  const ratio = (ratios: number[]) => ({ model: "m", rate: "decodeRate" as const, ratios });
  assert.equal(isSlower(ratio([0.5, 1, 1.1]), 0.1), false);
  assert.equal(isSlower(ratio([0.85, 0.8, 1.1]), 0.1), true);
  assert.equal(isSlower(ratio([NaN]), 0.1), true);
  const before = { prefillRate: 10, decodeRate: 4, batchDecodeRate: 8, streamRate: 2 } as BenchCase;
  const [prefill, decode] = computeRateRatios("m", [[before, { ...before, decodeRate: 3 }]]);
  assert.deepEqual([prefill!.ratios, decode!.ratios], [[1], [0.75]]);
});

Deno.test("writePackage() writes a llama that the format reader accepts", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const shape = { ...SHAPES["smollm2-135m"]!, numLayers: 1, vocabSize: 320 };
    await writePackage(dir, shape);
    const pkg = await openPackage(dir);
    assert.deepEqual([pkg.modelType, pkg.quantization], ["llama", "q4f16_1"]);
    assert.deepEqual(pkg.tensors.get("model.layers.0.self_attn.qkv_proj.q_weight")!.shape, [
      960,
      72,
    ]);
    assert.equal(pkg.tensors.size, 2 + 4 * 2 + 2 + 1);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
