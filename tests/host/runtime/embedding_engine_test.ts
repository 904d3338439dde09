import assert from "node:assert/strict";
import { QueueFullError } from "../../../engine/mod.ts";
import type { Embedder } from "../../../engine/runtime/embedder.ts";
import { EmbeddingEngine } from "../../../engine/runtime/embedding_engine.ts";
import type { TextModel } from "../../../engine/text/mod.ts";
import { createStubText } from "../../support/stub_runner.ts";

const [CLS, SEP] = [60, 61];

/** Text of one token a letter, with tokens around it. */
const text: TextModel = {
  ...createStubText(),
  numTokens: 62,
  maxTokenBytes: 1,
  encodeForEmbedding: (input) => [
    CLS,
    ...typeof input === "string" ? [...input].map((letter) => letter.charCodeAt(0) % 32) : input,
    SEP,
  ],
};

/** Vectors [sum of the tokens, number of tokens, 1], not normalized; records the lengths of each batch. */
function createEmbedder(options: Partial<Embedder> = {}) {
  const batches: number[][] = [];
  const embedder: Embedder = {
    maxTokens: 12,
    maxBatch: 4,
    dimensions: 3,
    embed(inputs) {
      batches.push(inputs.map(({ length }) => length));
      return Promise.resolve(
        inputs.map((tokens) =>
          Float32Array.of(tokens.reduce((a, b) => a + b, 0), tokens.length, 1)
        ),
      );
    },
    destroy() {},
    ...options,
  };
  return { embedder, batches };
}

function createEngine(options: Partial<Embedder> = {}) {
  const { embedder, batches } = createEmbedder(options);
  const engine = new EmbeddingEngine({ model: "e", embedder, text, maxWaiting: 3 });
  const run = async () => {
    while (await engine.step());
  };
  return { engine, batches, run };
}

function expected(input: string): number[] {
  const sum = CLS + SEP + [...input].reduce((sum, c) => sum + c.charCodeAt(0) % 32, 0);
  const vector = [sum, input.length + 2, 1];
  const length = Math.hypot(...vector);
  return vector.map((x) => Math.fround(x / length));
}

const assertClose = (actual: Float32Array, wanted: number[]) =>
  wanted.forEach((x, i) =>
    assert.ok(Math.abs(actual[i]! - x) < 1e-6, `${actual} is not ${wanted}`)
  );

Deno.test("EmbeddingEngine.submit() gives vectors of length 1 in the order of the inputs", async () => {
  const { engine, batches, run } = createEngine();
  const inputs = ["cccccccc", "a", "bbbbb", "aa", "bbbb", "cccccccccc"];
  const result = engine.submit(1, inputs);
  await run();
  const { vectors, numPromptTokens } = await result;
  assert.equal(vectors.length, inputs.length);
  inputs.forEach((input, i) => assertClose(vectors[i]!, expected(input)));
  for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
  assert.equal(numPromptTokens, inputs.join("").length + 2 * inputs.length);
  assert.deepEqual(batches, [[3, 4, 6, 7], [10, 12]]);
});

Deno.test("EmbeddingEngine.submit() takes token ids as it takes their text", async () => {
  const { engine, run } = createEngine();
  const result = engine.submit(1, ["abc", [1, 2, 3]]);
  await run();
  const { vectors } = await result;
  assert.deepEqual(vectors[0], vectors[1]);
  assert.deepEqual(engine.tokenize({ prompt: "abc" }), [CLS, 1, 2, 3, SEP]);
});

Deno.test("EmbeddingEngine.step() shares batches between requests, those of similar length first", async () => {
  const { engine, batches, run } = createEngine();
  const first = engine.submit(1, ["aaaaaaaa", "aaaaaaa"]);
  const second = engine.submit(2, ["b", "bbbbbb", "bbbbbbbbb", "bb"]);
  await run();
  assert.deepEqual(batches, [[8, 9, 10, 11], [3, 4]]);
  assertClose((await first).vectors[1]!, expected("aaaaaaa"));
  assertClose((await second).vectors[2]!, expected("bbbbbbbbb"));
});

Deno.test("EmbeddingEngine.step() keeps no request waiting for shorter ones that come later", async () => {
  const { engine, run } = createEngine({ maxBatch: 2 });
  const long = engine.submit(1, ["aaaaaaaaaa"]);
  void engine.submit(2, ["b", "b", "b", "b", "b", "b"]);
  assert.equal(await engine.step(), true);
  assertClose((await long).vectors[0]!, expected("aaaaaaaaaa"));
  await run();
});

Deno.test("EmbeddingEngine.cancel() ends a request between two batches and leaves others alone", async () => {
  const { engine, batches, run } = createEngine({ maxBatch: 1 });
  const cancelled = engine.submit(1, ["a", "a", "a"]);
  const kept = engine.submit(2, ["bb"]);
  cancelled.catch(() => {});
  await engine.step();
  engine.cancel(1);
  engine.cancel(1);
  await assert.rejects(cancelled, /cancelled/);
  await run();
  assertClose((await kept).vectors[0]!, expected("bb"));
  assert.equal(batches.length, 2);
  assert.deepEqual(
    [engine.stats().numRunning, engine.stats().numWaiting, engine.stats().numCancelledTotal],
    [0, 0, 1],
  );
});

Deno.test("EmbeddingEngine.submit() refuses what the model cannot read", () => {
  const { engine } = createEngine();
  assert.throws(() => engine.submit(1, ["ok", "a".repeat(11)]), {
    code: "context_length_exceeded",
    message: /^Input 1 has 13 tokens; the model sees 12/,
  });
  for (const inputs of [[""], [[]], [[62]], [[-1]], [[1.5]]]) {
    assert.throws(() => engine.submit(1, inputs), { code: "invalid_request", param: "inputs" });
  }
  assert.equal(engine.stats().numRunning, 0);
});

Deno.test("EmbeddingEngine.submit() refuses more requests than may wait", () => {
  const { engine } = createEngine();
  for (let id = 1; id <= 3; id++) void engine.submit(id, ["a"]);
  assert.throws(() => engine.submit(4, ["a"]), QueueFullError);
});

Deno.test("EmbeddingEngine.step() fails a request whose vector is not finite, and no other", async () => {
  const { engine, run } = createEngine({
    embed: (inputs) =>
      Promise.resolve(inputs.map(({ length }) => Float32Array.of(length === 3 ? NaN : 2))),
  });
  const bad = engine.submit(1, ["a"]);
  bad.catch(() => {});
  const good = engine.submit(2, ["aa"]);
  await run();
  await assert.rejects(bad, /no usable vector for input 0/);
  assert.deepEqual((await good).vectors, [Float32Array.of(1)]);
});
