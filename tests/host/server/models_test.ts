import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";
import { STUB_MODEL } from "../../support/stub_engine.ts";

const TINY = { id: "ollm-tiny", object: "model", created: 1_700_000_000, owned_by: "ollm" };

Deno.test("listModels() lists what a request may name", async () => {
  const response = await createTestApp().send("/v1/models");
  assert.deepEqual(await response.json(), { object: "list", data: [TINY] });
});

Deno.test("listModels() and retrieveModel() leave damaged packages out", async () => {
  const { engine, send } = createTestApp();
  const damaged = { ...STUB_MODEL, reference: "damaged", supportLevel: "unsupported" as const };
  engine.listModels = () => Promise.resolve([STUB_MODEL, damaged]);
  engine.inspectModel = () => Promise.resolve(damaged);
  assert.deepEqual((await (await send("/v1/models")).json()).data, [TINY]);
  assert.equal((await send("/v1/models/damaged")).status, 404);
});

Deno.test("listModels() and retrieveModel() leave models out that are not here", async () => {
  const { engine, send } = createTestApp();
  const absent = {
    ...STUB_MODEL,
    reference: "llama3-1B-chat",
    repository: "mlc-ai/x",
    materialized: false,
  };
  engine.listModels = () => Promise.resolve([STUB_MODEL, absent]);
  engine.inspectModel = () => Promise.resolve(absent);
  assert.deepEqual((await (await send("/v1/models")).json()).data, [TINY]);
  const response = await send("/v1/models/llama3-1B-chat");
  assert.equal(response.status, 404);
  const { error } = await response.json();
  assert.equal(error.code, "model_not_found");
  assert.match(error.message, /not on this machine: its first request downloads it, and so does/);
});

Deno.test("listModels() names the organization of a downloaded model", async () => {
  const { engine, send } = createTestApp();
  const model = { ...STUB_MODEL, reference: "llama3-1B-chat", repository: "mlc-ai/x" };
  engine.listModels = () => Promise.resolve([model, { ...STUB_MODEL, reference: "org/own" }]);
  const { data } = await (await send("/v1/models")).json();
  assert.deepEqual(
    data.map((m: { id: string; owned_by: string }) => [m.id, m.owned_by]),
    [["llama3-1B-chat", "mlc-ai"], ["org/own", "org"]],
  );
});

Deno.test("listModels() and retrieveModel() know the default model by the text that set it", async () => {
  const { engine, send } = createTestApp({}, {
    defaults: { model: "./mine", modelsDir: "/models", sampling: {} },
  });
  const mine = { ...STUB_MODEL, reference: "./mine", path: "/home/me/mine", createdAt: 5 };
  engine.inspectModel = () => Promise.resolve(mine);
  const { data } = await (await send("/v1/models")).json();
  assert.deepEqual(data.map((model: { id: string }) => model.id), ["./mine", "ollm-tiny"]);
  assert.equal((await (await send("/v1/models/%2E%2Fmine")).json()).id, "./mine");
});

Deno.test("retrieveModel() finds a model by the rest of the path", async () => {
  const { send } = createTestApp();
  for (const path of ["/v1/models/ollm-tiny", "/v1/models/ollm%2Dtiny"]) {
    assert.deepEqual(await (await send(path)).json(), TINY);
  }
});

Deno.test("retrieveModel() answers 404 for an unknown model", async () => {
  const { send } = createTestApp();
  const ids = ["nope", "org/name", "org%2Fname", "org/name@v1", "hf:org/name", "org/name@a..b"];
  for (const id of [...ids, "%2Fetc", "path:%2Fetc", "..%2f..", "a/b/c", "org/name@a/b"]) {
    const response = await send(`/v1/models/${id}`);
    assert.equal(response.status, 404, id);
    assert.equal((await response.json()).error.code, "model_not_found");
  }
});

Deno.test("retrieveModel() answers 400 for an empty or broken id", async () => {
  const { send } = createTestApp();
  for (const id of ["", "%20", "%ff", "org/name@", "name%40"]) {
    assert.equal((await send(`/v1/models/${id}`)).status, 400, id);
  }
});
