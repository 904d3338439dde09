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
  for (const id of ["nope", "org/name", "org%2Fname", "%2Fetc", "..%2f..", "a/b/c"]) {
    const response = await send(`/v1/models/${id}`);
    assert.equal(response.status, 404, id);
    assert.equal((await response.json()).error.code, "model_not_found");
  }
});

Deno.test("retrieveModel() answers 400 for an empty or broken id", async () => {
  const { send } = createTestApp();
  for (const id of ["", "%20", "%ff"]) {
    assert.equal((await send(`/v1/models/${id}`)).status, 400, id);
  }
});
