/**
 * OpenAI's Node client: embeddings, of the server's model `OLLM_EMBEDDING_MODEL`; without one, of a server whose engine only
 * says what it is told, so that the bytes on the wire are tested.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BadRequestError, NotFoundError } from "openai";
import { startStubServer } from "../support/stub_server.ts";
import { BASE_URL, createClient, MODEL } from "./target.ts";

const given = Deno.env.get("OLLM_EMBEDDING_MODEL");
const model = given ?? "snowflake-arctic-embed-s-q0f32-MLC-b4";
const dir = Deno.makeTempDirSync();
const stub = given === undefined
  ? await startStubServer({ stub: {}, storePath: `${dir}/responses.sqlite` })
  : null;
const client = createClient(stub?.baseUrl ?? BASE_URL);
globalThis.addEventListener("unload", () => {
  void stub?.kill();
  Deno.removeSync(dir, { recursive: true });
});

const lengthOf = (vector: number[]) => Math.hypot(...vector);

Deno.test("openai: embeddings.create() reads the base64 that it asks for by default", async () => {
  const byDefault = await client.embeddings.create({ model, input: ["Paris", "Rome"] });
  const asNumbers = await client.embeddings.create({
    model,
    input: ["Paris", "Rome"],
    encoding_format: "float",
  });
  assert.equal(byDefault.object, "list");
  assert.equal(byDefault.model, model);
  assert.deepEqual(byDefault.data.map(({ index, object }) => [index, object]), [
    [0, "embedding"],
    [1, "embedding"],
  ]);
  assert.deepEqual([...byDefault.data[0]!.embedding], asNumbers.data[0]!.embedding);
  assert.notDeepEqual(byDefault.data[0]!.embedding, byDefault.data[1]!.embedding);
  for (const { embedding } of asNumbers.data) {
    assert.ok(Math.abs(lengthOf(embedding) - 1) < 1e-5);
  }
  const { prompt_tokens, total_tokens } = byDefault.usage;
  assert.ok(prompt_tokens > 0 && prompt_tokens === total_tokens);
});

Deno.test("openai: embeddings.create() gives base64 as it comes when that is asked for", async () => {
  const { data: [item] } = await client.embeddings.create({
    model,
    input: "Paris",
    encoding_format: "base64",
  });
  assert.equal(typeof item!.embedding, "string");
});

Deno.test("openai: embeddings.create() takes token ids and cuts vectors", async () => {
  const { data } = await client.embeddings.create({ model, input: [[1, 2], [3]], dimensions: 1 });
  for (const { embedding } of data) assert.deepEqual([...embedding].map(Math.abs), [1]);
  await assert.rejects(
    () => client.embeddings.create({ model, input: "Paris", dimensions: 100_000 }),
    (error) => error instanceof BadRequestError && error.param === "dimensions",
  );
});

Deno.test("openai: embeddings.create() refuses an empty input and an unknown model", async () => {
  await assert.rejects(
    () => client.embeddings.create({ model, input: ["Paris", ""] }),
    (error) => error instanceof BadRequestError && error.param === "input[1]",
  );
  await assert.rejects(
    () => client.embeddings.create({ model: "no-such-model", input: "Paris" }),
    NotFoundError,
  );
});

Deno.test("openai: embeddings of a model that generates text are a BadRequestError", async () => {
  await assert.rejects(
    () => createClient().embeddings.create({ model: MODEL, input: "Paris" }),
    (error) => error instanceof BadRequestError && error.param === "model",
  );
});
