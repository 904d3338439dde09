/**
 * A library that fails at batches answers as one that does not: both run here, in workers of their own.
 */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { librariesFor, openRandomPackage } from "./libraries.ts";
import type { GreedyOptions, GreedyResult } from "./greedy_worker.ts";

const PROMPTS = [[65, 66, 67], Array.from({ length: 20 }, (_, i) => 97 + i % 7)];

async function runGreedy(options: GreedyOptions): Promise<GreedyResult> {
  const worker = new Worker(new URL("./greedy_worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(options);
    });
  } finally {
    worker.terminate();
  }
}

const [known] = await librariesFor("generate");
if (known) {
  Deno.test(`WebLlmRunner falls back to one sequence at a time, with the same tokens (${basename(known.path)})`, async () => {
    const { dir } = await openRandomPackage(known);
    const options = { dir, library: known.path, prompts: PROMPTS, numTokens: 4 };
    const batched = await runGreedy({ ...options, failsBatches: false });
    assert.deepEqual([batched.maxSequences, batched.reasons], [2, []]);
    const sequential = await runGreedy({ ...options, failsBatches: true });
    assert.equal(sequential.maxSequences, 1);
    assert.match(sequential.reasons.join(), /fails in this library \(made to fail\)/);
    assert.deepEqual(sequential.tokens, batched.tokens);
  });
}
