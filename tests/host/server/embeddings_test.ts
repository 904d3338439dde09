import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EngineError, InvalidRequestError } from "../../../engine/mod.ts";
import { createTestApp } from "../../support/app.ts";
import { STUB_EMBEDDER } from "../../support/stub_engine.ts";

const PATH = "/v1/embeddings";
const model = STUB_EMBEDDER.reference;

Deno.test("createEmbedding() answers in OpenAI's shape, one vector an input", async () => {
  const { post, engine } = createTestApp();
  const response = await post(PATH, {
    model,
    input: ["a", "b"],
    user: "me",
    encoding_format: "float",
  });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    object: "list",
    data: [
      { object: "embedding", index: 0, embedding: [...Float32Array.of(0.6, 0.8)] },
      { object: "embedding", index: 1, embedding: [...Float32Array.of(0.6, -0.8)] },
    ],
    model,
    usage: { prompt_tokens: 6, total_tokens: 6 },
  });
  assert.deepEqual(engine.embedRequests, [{ model, inputs: ["a", "b"] }]);
});

Deno.test("createEmbedding() takes a text, texts, token ids and lists of them", async () => {
  const { post, engine } = createTestApp();
  for (const input of ["Hi", ["a", "b"], [1, 2], [[1], [2, 3]]]) {
    assert.equal((await post(PATH, { model, input })).status, 200);
  }
  assert.deepEqual(
    engine.embedRequests.map(({ inputs }) => inputs),
    [["Hi"], ["a", "b"], [[1, 2]], [[1], [2, 3]]],
  );
});

Deno.test("createEmbedding() sends little-endian f32 in base64 when asked to", async () => {
  const { post } = createTestApp();
  const response = await post(PATH, { model, input: "a", encoding_format: "base64" });
  const { data } = await response.json();
  const bytes = Buffer.from(data[0].embedding, "base64");
  assert.deepEqual([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)], [
    8,
    Math.fround(0.6),
    Math.fround(0.8),
  ]);
});

Deno.test("createEmbedding() cuts vectors and makes them of length 1 again", async () => {
  const { post } = createTestApp();
  const cut = await (await post(PATH, { model, input: "a", dimensions: 1 })).json();
  assert.deepEqual(cut.data[0].embedding, [1]);
  const whole = await (await post(PATH, { model, input: "a", dimensions: 2 })).json();
  assert.ok(Math.abs(Math.hypot(...whole.data[0].embedding) - 1) < 1e-6);
  const tooMany = await post(PATH, { model, input: "a", dimensions: 3 });
  assert.equal(tooMany.status, 400);
  assert.equal((await tooMany.json()).error.param, "dimensions");
});

Deno.test("createEmbedding() refuses what is no input, and names the field", async () => {
  const { post, engine } = createTestApp();
  const cases: [Record<string, unknown>, string][] = [
    [{ input: undefined }, "input"],
    [{ input: "" }, "input"],
    [{ input: [] }, "input"],
    [{ input: ["a", ""] }, "input[1]"],
    [{ input: [[1], []] }, "input[1]"],
    [{ input: [-1] }, "input[0]"],
    [{ input: ["a", 1] }, "input[1]"],
    [{ input: Array(2049).fill("a") }, "input"],
    [{ encoding_format: "int8" }, "encoding_format"],
    [{ dimensions: 0 }, "dimensions"],
    [{ keep_alive: "soon" }, "keep_alive"],
    [{ model: " " }, "model"],
  ];
  for (const [change, param] of cases) {
    const response = await post(PATH, { model, input: "a", ...change });
    assert.equal(response.status, 400, JSON.stringify(change).slice(0, 100));
    assert.equal((await response.json()).error.param, param);
  }
  assert.deepEqual(engine.embedRequests, []);
  assert.equal((await post(PATH, { model, input: Array(2048).fill("a") })).status, 200);
});

Deno.test("createEmbedding() says that a chat model makes none", async () => {
  const { post } = createTestApp();
  const response = await post(PATH, { model: "ollm-tiny", input: "a" });
  assert.equal(response.status, 400);
  const { error } = await response.json();
  assert.equal(error.code, "model_not_supported");
  assert.match(error.message, /not trained for embeddings/);
  assert.equal((await post(PATH, { model: "nope", input: "Hi" })).status, 404);
  assert.equal((await post(PATH, { model: "../nope", input: "Hi" })).status, 404);
});

Deno.test("createEmbedding() gives the engine's refusals under the client's names", async () => {
  const cases = [
    new EngineError("context_length_exceeded", "Input 0 has 600 tokens", { param: "inputs" }),
    new InvalidRequestError("inputs", "Input 0: 99 is no token"),
  ];
  for (const refusal of cases) {
    const { post } = createTestApp({ refusal });
    const response = await post(PATH, { model, input: "a" });
    assert.equal(response.status, 400);
    const { error } = await response.json();
    assert.deepEqual([error.code, error.param], [refusal.code, "input"]);
  }
});

Deno.test("createEmbedding() lets go of a request whose client leaves", async () => {
  const { post, engine } = createTestApp({ loadMs: 5_000 });
  const controller = new AbortController();
  const response = post(PATH, { model, input: "a" }, { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  assert.equal((await response).status, 503);
  assert.deepEqual(engine.embedRequests, []);
});
