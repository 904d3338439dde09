import assert from "node:assert/strict";
import { probeRunner, type WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import type { RunnerEntry } from "../../engine/runtime/runner.ts";
import { device } from "../support/gpu.ts";

/** A runner on a real device whose steps take as long as they are told to, by their number of tokens. */
function createTimedRunner(computeMs: (numTokens: number) => number) {
  const chunks: number[] = [];
  const run = async ([entry]: readonly RunnerEntry[]): Promise<Float32Array> => {
    const { tokens: { length }, firstPosition, blocks, numLogits } = entry!;
    assert.ok(firstPosition + length <= blocks.length * 16);
    if (numLogits === 0) return new Float32Array(0); // submitted
    chunks.push(length);
    await new Promise((resolve) => setTimeout(resolve, computeMs(length)));
    return new Float32Array(8);
  };
  const limits = { contextLength: 4096, numBlocks: 256, blockSize: 16, maxStepTokens: 128 };
  const plan = { fusesLayers: false };
  return { chunks, runner: { limits, plan, device, run } as unknown as WgslRunner };
}

Deno.test("probeRunner() times decode steps and the longest chunk that it has the time for", async () => {
  const { runner, chunks } = createTimedRunner((numTokens) => 5 + numTokens / 8);
  const times = await probeRunner(runner);
  assert.ok(times.decodeMs >= 5 && times.decodeContext === 64, JSON.stringify(times));
  assert.ok(chunks.filter((numTokens) => numTokens === 1).length > 1);
  assert.ok(times.prefillTokens >= 8 && times.prefillTokens <= 128, JSON.stringify(times));
  assert.equal(chunks.at(-1), times.prefillTokens);
  assert.ok(times.prefillMs >= 5 + times.prefillTokens / 8, JSON.stringify(times));
  assert.ok(times.fixedMs > 0 && times.fixedMs <= times.decodeMs, JSON.stringify(times));
});

Deno.test("probeRunner() takes a single step where that is longer than a load may take longer", async () => {
  const { runner, chunks } = createTimedRunner(() => 320);
  const times = await probeRunner(runner);
  assert.deepEqual(chunks, [1]);
  assert.deepEqual([times.prefillTokens, times.prefillMs], [1, times.decodeMs]);
});

Deno.test("probeRunner() takes a short chunk where a long one would take too long", async () => {
  const { runner, chunks } = createTimedRunner((numTokens) => 20 * numTokens);
  const times = await probeRunner(runner);
  assert.ok(times.prefillTokens <= 8, JSON.stringify(times));
  assert.ok(chunks.every((numTokens) => numTokens <= 8), JSON.stringify(chunks));
});
