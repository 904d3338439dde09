import assert from "node:assert/strict";
import type { CaseResult } from "../../../bench/case.ts";
import { formatReport, formatSpread } from "../../../bench/report.ts";
import { median } from "../../../bench/statistics.ts";

const RUN: CaseResult = {
  adapter: "some card",
  quantization: "q4f16_1",
  numWeights: 2_000_000,
  loadMs: 1500,
  bandwidth: 20e9,
  prefillRate: 1000,
  decodeRate: 100,
  batchDecodeRate: 400,
  hostMs: 0.25,
  decodeKernelMs: { swiglu: 1, linear_q4: 3 },
  prefillKernelMs: null,
  bytesPerToken: 50e6,
  firstTokenMs: 12,
  streamRate: 90,
  batchRate: 300,
  prediction: {
    numPromptTokens: 128,
    prefillTokensPerSecond: 1100,
    decodeTokensPerSecond: 95.4,
    timeToFirstTokenMs: 11.5,
    basis: "Measured when the model was loaded here",
  },
};

const CONTEXT = {
  date: "2026-01-02",
  commit: "abc1234",
  deno: "2.9.6",
  os: "linux x86_64",
  numCores: 2,
  loadAverage: 0.5,
  numRuns: 1,
  numPromptTokens: 128,
  numGeneratedTokens: 32,
  batchSize: 8,
};

Deno.test("median() takes the middle, or the mean of two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

Deno.test("formatSpread() shows median, lowest and highest with three digits", () => {
  assert.equal(formatSpread([1234.5, 10, 11]), "11 (10 to 1230)");
  assert.equal(formatSpread([0.25]), "0.25");
});

Deno.test("formatReport() computes the share of the bound", () => {
  // 100 tok/s · 50 MB = 5 GB/s of 20 GB/s.
  assert.match(formatReport([{ name: "m", runs: [RUN] }], CONTEXT), /\| 25 % \|/);
});

Deno.test("formatReport() shows predictions beside what was measured, and their absence", () => {
  const report = formatReport([
    { name: "m", runs: [RUN] },
    { name: "m (against)", runs: [{ ...RUN, prediction: null }] },
  ], CONTEXT);
  assert.match(report, /^\| m \| 1100 \| 1000 \| 95.4 \| 100 \| 11.5 \| 12 \|$/m);
  assert.match(report, /^\| m \(against\)( \| –){6} \|$/m);
});

Deno.test("formatReport() says when kernels could not be timed", () => {
  assert.match(formatReport([{ name: "m", runs: [RUN] }], CONTEXT), /has no timestamps/);
});

Deno.test("formatReport() lists kernels by their share of a decode step", () => {
  const run = { ...RUN, prefillKernelMs: { linear_q4: 9, swiglu: 1 } };
  const lines = formatReport([{ name: "m", runs: [run] }], CONTEXT).split("\n");
  assert.deepEqual(lines.filter((line) => line.startsWith("| `")), [
    "| `linear_q4` | 3 | 75.0 % | 9 | 90.0 % |",
    "| `swiglu` | 1 | 25.0 % | 1 | 10.0 % |",
  ]);
});
