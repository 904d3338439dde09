/**
 * Embeddings across the worker's boundary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ModelWorker } from "../../../engine/runtime/model_worker.ts";

const EMBED_WORKER = { url: new URL("../../support/embed_worker.ts", import.meta.url) };

async function withWorker(test: (worker: ModelWorker) => Promise<void>): Promise<void> {
  const worker = new ModelWorker(
    {
      model: "e",
      dir: "/models/e",
      task: "embed",
      backend: "web-llm",
      library: null,
      maxWaiting: 2,
      defaultMaxTokens: 1,
    },
    { onProgress() {}, onDied() {} },
    EMBED_WORKER,
  );
  try {
    await test(worker);
  } finally {
    worker.close();
  }
}

const vectorOf = (numTokens: number) => {
  const length = Math.sqrt(numTokens * numTokens + 1);
  return Float32Array.of(numTokens / length, 1 / length);
};

Deno.test("ModelWorker.embed() gives each of several requests its own vectors", async () => {
  await withWorker(async (worker) => {
    const [first, second] = await Promise.all([
      worker.embed(["aaa", "a", "aa"]),
      worker.embed([[1, 2, 3, 4], "bbbbb"]),
    ]);
    assert.deepEqual(first.vectors, [3, 1, 2].map(vectorOf));
    assert.deepEqual(second.vectors, [4, 5].map(vectorOf));
    assert.deepEqual([first.numPromptTokens, second.numPromptTokens], [6, 9]);
    const stats = await worker.stats();
    assert.deepEqual([stats.model, stats.numStepsTotal, stats.numRunning], ["e", 3, 0]);
  });
});

Deno.test("ModelWorker.embed() leaves when its signal aborts, and the worker stops between two batches", async () => {
  await withWorker(async (worker) => {
    await worker.loaded;
    const controller = new AbortController();
    const cancelled = worker.embed(Array(1000).fill("a"), controller.signal);
    await worker.stats();
    controller.abort();
    await assert.rejects(cancelled, { name: "AbortError" });
    await worker.embed(["b"]);
    const stats = await worker.stats();
    assert.ok(stats.numStepsTotal < 250, `${stats.numStepsTotal} batches`);
    assert.deepEqual([stats.numCancelledTotal, stats.numWaiting], [1, 0]);
  });
});

Deno.test("ModelWorker refuses what an embedding model cannot do, and says why", async () => {
  await withWorker(async (worker) => {
    await assert.rejects(worker.embed(["a".repeat(17)]), { code: "context_length_exceeded" });
    await assert.rejects(worker.generate({ model: "e", prompt: "a" }), { code: "invalid_request" });
    const held = [worker.embed(["a"]), worker.embed(["a"])];
    await assert.rejects(worker.embed(["a"]), { code: "queue_full" });
    await Promise.all(held);
    assert.deepEqual(await worker.tokenize({ model: "e", prompt: "abc" }), [0, 1, 2]);
    assert.equal(await worker.detokenize([0, 1, 2]), "abc");
  });
});
