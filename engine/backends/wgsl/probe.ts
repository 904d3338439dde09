/**
 * Measures a runner that was just loaded, as long as a load may take longer for it.
 *
 * @module
 */
import { Readback } from "../../gpu/mod.ts";
import type { StepTimes } from "../../runtime/prediction.ts";
import type { RunnerEntry } from "../../runtime/runner.ts";
import type { WgslRunner } from "./runner.ts";

/** What a load may take longer. One step may take longer than that by itself: then it is the only one. */
const BUDGET_MS = 300;

/** Shares of the budget. */
const ROUND_TRIPS_MS = 20;
const DECODE_MS = 80;

const MAX_RUNS = 64;

/** Tokens that the decode steps attend to, where the model sees as many. */
const DECODE_CONTEXT = 64;

/** Tokens of the first, small prefill chunk, which says how many a second one can afford. */
const FIRST_CHUNK = 8;

/** Any token does: the time does not depend on it. */
const TOKEN = 0;

/**
 * Times a few decode steps and a prefill chunk. Writes to blocks of the KV cache, so no sequence may use them yet.
 *
 * @param runner warm, and idle
 * @throws {DeviceError} the device was lost
 */
export async function probeRunner(runner: WgslRunner): Promise<StepTimes> {
  const start = performance.now();
  const leftMs = () => BUDGET_MS - (performance.now() - start);
  const { contextLength, numBlocks, blockSize, maxStepTokens } = runner.limits;
  const maxTokens = Math.min(contextLength, numBlocks * blockSize);
  const decodeContext = Math.min(DECODE_CONTEXT, maxTokens);
  const decode = entry(runner, decodeContext - 1, 1);
  const decodeMs = await measureMean(() => runner.run([decode]), DECODE_MS);
  const isSlow = leftMs() < 2 * decodeMs;
  // Fused layers are few dispatches, and go apart without logits.
  const silent = isSlow || runner.plan.fusesLayers ? null : decode;
  const fixedMs = Math.min(decodeMs, await measureFixed(runner, silent));
  const times = { fixedMs, decodeMs, decodeContext };
  // A slow step is a prefill of one token too.
  if (isSlow) return { ...times, prefillMs: decodeMs, prefillTokens: 1 };
  const prefill = await measurePrefill(runner, Math.min(maxStepTokens, maxTokens), leftMs());
  return { ...times, ...prefill };
}

/**
 * A read that waits for nothing, and describing and submitting a step.
 *
 * @param step null leaves the step out, beside which its submission does not count
 */
async function measureFixed(runner: WgslRunner, step: RunnerEntry | null): Promise<number> {
  const { device } = runner;
  const source = device.createBuffer("probe", 16);
  const readback = new Readback(device.raw, 16, { isFast: device.hasFastReadback });
  const drain = () =>
    readback.submitAndRead(device.raw.createCommandEncoder({ label: "probe" }), source, 16);
  try {
    await drain();
    const roundTripMs = await measureMean(drain, ROUND_TRIPS_MS);
    if (step === null) return roundTripMs;
    // Without logits to read it returns as soon as it is submitted; the next step prepares another one like it.
    const silent = { ...step, numLogits: 0 };
    await runner.run([silent]);
    await runner.run([step]);
    const hostMs = await measureMean(() => runner.run([silent]), 0);
    await drain();
    return hostMs + roundTripMs;
  } finally {
    readback.destroy();
    source.destroy();
  }
}

/** A small chunk, and where it leaves time for one the longest that the time is enough for. */
async function measurePrefill(
  runner: WgslRunner,
  maxTokens: number,
  limitMs: number,
): Promise<Pick<StepTimes, "prefillMs" | "prefillTokens">> {
  const run = (numTokens: number, limitMs: number) =>
    measureMean(() => runner.run([entry(runner, 0, numTokens)]), limitMs);
  const first = Math.min(FIRST_CHUNK, maxTokens);
  const firstMs = await run(first, 0);
  // Long chunks cost less a token, never more; half the time stays free for what this machine does besides.
  const shareMs = (limitMs - firstMs) / 2;
  const affordable = Math.max(1, Math.floor(first * shareMs / firstMs));
  const prefillTokens = Math.min(maxTokens, 2 ** Math.floor(Math.log2(affordable)));
  if (prefillTokens <= first) return { prefillMs: firstMs, prefillTokens: first };
  return { prefillMs: await run(prefillTokens, shareMs), prefillTokens };
}

/** A sequence's next tokens; no sequence of a request has this id. */
function entry({ limits }: WgslRunner, firstPosition: number, numTokens: number): RunnerEntry {
  const numBlocks = Math.ceil((firstPosition + numTokens) / limits.blockSize);
  return {
    sequence: -1,
    tokens: new Array<number>(numTokens).fill(TOKEN),
    firstPosition,
    blocks: Array.from({ length: numBlocks }, (_, block) => block),
    numLogits: 1,
  };
}

/** Runs `work` once, and again while `limitMs` lasts; its mean time in ms, since a busy machine is slow in bursts. */
async function measureMean(work: () => Promise<unknown>, limitMs: number): Promise<number> {
  const start = performance.now();
  for (let numRuns = 1;; numRuns++) {
    await work();
    const totalMs = performance.now() - start;
    if (totalMs >= limitMs || numRuns === MAX_RUNS) return totalMs / numRuns;
  }
}
