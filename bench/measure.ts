/**
 * Measures one loaded model: prefill, decode alone and in a batch, host time and GPU time of a step.
 *
 * @module
 */
import { computeStepCosts, type WgslRunner } from "../engine/backends/wgsl/mod.ts";
import { TimestampTrace } from "../engine/gpu/mod.ts";
import type { RunnerEntry } from "../engine/runtime/runner.ts";
import { median } from "./statistics.ts";

/** Sizes of a measurement. */
export interface MeasureOptions {
  /** Tokens of a prompt. */
  numPromptTokens: number;
  /** Tokens generated behind it. */
  numGeneratedTokens: number;
  /** Sequences of the batched decode. */
  batchSize: number;
}

/** What one run found. */
export interface Measurement {
  /** Prompt tokens a second, one sequence. */
  prefillRate: number;
  /** Generated tokens a second, one sequence. */
  decodeRate: number;
  /** Generated tokens a second, all sequences of the batch together. */
  batchDecodeRate: number;
  /** Describing, encoding and submitting a decode step, in ms. */
  hostMs: number;
  /** GPU time of one decode step by kernel, in ms; null where the device has no timestamps. */
  decodeKernelMs: Record<string, number> | null;
  /** GPU time of one prefill step by kernel, in ms; null where the device has no timestamps. */
  prefillKernelMs: Record<string, number> | null;
  /** Bytes that decoding one token reads: weights, and keys and values of half the generated context. */
  bytesPerToken: number;
}

/** Steps whose host time is taken, each on an idle device. */
const NUM_HOST_STEPS = 5;

/** Any token does: the time does not depend on it. */
const TOKEN = 7;

/**
 * Runs the whole programme once. The runner is warm already.
 *
 * @throws {RangeError} the batch, or prompt and output, exceed what the runner holds
 */
export async function measure(
  runner: WgslRunner,
  options: MeasureOptions,
): Promise<Measurement> {
  const { numPromptTokens, numGeneratedTokens, batchSize } = options;
  checkSizes(runner, options);
  const prefillMs = await time(() => prefill(runner, numPromptTokens));
  const steps = (sequences: number[]) =>
    time(async () => {
      for (let i = 0; i < numGeneratedTokens; i++) {
        await runner.run(sequences.map((sequence) => entry(runner, sequence, numPromptTokens + i)));
      }
    });
  const decodeMs = await steps([0]);
  const hostMs = await measureHost(runner, numPromptTokens);
  const batch = Array.from({ length: batchSize }, (_, sequence) => sequence);
  // The others' context was never computed: attending to zeros takes the same time.
  const batchMs = await steps(batch);
  const { weightBytes, kvTokenBytes } = computeStepCosts(runner.plan);
  return {
    prefillRate: 1000 * numPromptTokens / prefillMs,
    decodeRate: 1000 * numGeneratedTokens / decodeMs,
    batchDecodeRate: 1000 * batchSize * numGeneratedTokens / batchMs,
    hostMs,
    ...await measureKernels(runner, numPromptTokens),
    bytesPerToken: weightBytes + kvTokenBytes * (numPromptTokens + numGeneratedTokens / 2),
  };
}

function checkSizes(runner: WgslRunner, options: MeasureOptions): void {
  const { limits } = runner;
  const length = options.numPromptTokens + options.numGeneratedTokens;
  if (length > limits.contextLength) {
    throw new RangeError(`${length} tokens exceed the context length of ${limits.contextLength}`);
  }
  const numBlocks = options.batchSize * blocksOf(runner);
  if (options.batchSize > limits.maxSequences || numBlocks > limits.numBlocks) {
    throw new RangeError(
      `A batch of ${options.batchSize} needs ${numBlocks} blocks; ` +
        `${limits.maxSequences} sequences and ${limits.numBlocks} blocks are there`,
    );
  }
}

function blocksOf({ limits }: WgslRunner): number {
  return Math.min(
    Math.ceil(limits.contextLength / limits.blockSize),
    Math.floor(limits.numBlocks / limits.maxSequences),
  );
}

/** One token, or several, of a sequence that owns a fixed range of blocks. */
function entry(
  runner: WgslRunner,
  sequence: number,
  firstPosition: number,
  options: { numTokens?: number; numLogits?: number } = {},
): RunnerEntry {
  const { numTokens = 1, numLogits = 1 } = options;
  const numBlocks = blocksOf(runner);
  return {
    sequence,
    tokens: new Array(numTokens).fill(TOKEN),
    firstPosition,
    blocks: Array.from({ length: numBlocks }, (_, i) => sequence * numBlocks + i),
    numLogits,
  };
}

/** A prompt in chunks of the largest step, as the scheduler would give them. */
async function prefill(runner: WgslRunner, numTokens: number): Promise<void> {
  const { maxStepTokens } = runner.limits;
  for (let position = 0; position < numTokens; position += maxStepTokens) {
    const chunk = Math.min(maxStepTokens, numTokens - position);
    const numLogits = position + chunk === numTokens ? 1 : 0;
    await runner.run([entry(runner, 0, position, { numTokens: chunk, numLogits })]);
  }
}

/** A step that wants no logits returns as soon as it is submitted; the one behind it waits for both. */
async function measureHost(runner: WgslRunner, position: number): Promise<number> {
  const silent = [entry(runner, 0, position, { numLogits: 0 })];
  const times: number[] = [];
  for (let i = 0; i < NUM_HOST_STEPS; i++) {
    times.push(await time(() => runner.run(silent)));
    await runner.run([entry(runner, 0, position)]);
  }
  return median(times);
}

async function measureKernels(
  runner: WgslRunner,
  numPromptTokens: number,
): Promise<Pick<Measurement, "decodeKernelMs" | "prefillKernelMs">> {
  if (!runner.device.hasTimestamps) return { decodeKernelMs: null, prefillKernelMs: null };
  const trace = new TimestampTrace(runner.device);
  runner.trace = trace;
  const collect = async (entries: RunnerEntry[]) => {
    await runner.run(entries);
    const kernels = await trace.collect();
    return Object.fromEntries([...kernels].map(([kernel, ns]) => [kernel, ns / 1e6]));
  };
  const numTokens = Math.min(numPromptTokens, runner.limits.maxStepTokens);
  const prefillKernelMs = await collect([entry(runner, 0, 0, { numTokens })]);
  const decodeKernelMs = await collect([entry(runner, 0, numPromptTokens)]);
  runner.trace = null;
  return { decodeKernelMs, prefillKernelMs };
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
