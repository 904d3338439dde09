import assert from "node:assert/strict";
import { DownloadError } from "../../../engine/mod.ts";
import { createTestApp } from "../../support/app.ts";
import { STUB_EMBEDDER } from "../../support/stub_engine.ts";

Deno.test("loadModel() loads with the options of its query", async () => {
  const { send, engine } = createTestApp();
  const path = "/v1/ollm/models/ollm-tiny/load?keep_alive=5m&backend=wgsl&_=1";
  const response = await send(path, { method: "POST" });
  assert.deepEqual(await response.json(), { model: "ollm-tiny", state: "loaded" });
  await send("/v1/ollm/models/ollm-tiny/load", { method: "POST" });
  assert.deepEqual(engine.loads, [
    { reference: "ollm-tiny", backend: "wgsl", keepAliveMs: 300_000 },
    { reference: "ollm-tiny" },
  ]);
});

Deno.test("loadModel() and unloadModel() take references with slashes, raw or not", async () => {
  const { send, engine } = createTestApp();
  const asked: string[] = [];
  engine.load = (reference) => {
    asked.push(`load ${reference}`);
    return Promise.resolve();
  };
  engine.unload = (reference) => {
    asked.push(`unload ${reference}`);
    return Promise.resolve(true);
  };
  engine.inspectModel = (reference) => Promise.resolve({ ...STUB_EMBEDDER, reference });
  for (const reference of ["org/name", "org%2Fname@main"]) {
    for (const action of ["load", "unload"]) {
      const path = `/v1/ollm/models/${reference}/${action}`;
      assert.equal((await send(path, { method: "POST" })).status, 200, path);
    }
  }
  assert.deepEqual(asked, [
    "load org/name",
    "unload org/name",
    "load org/name@main",
    "unload org/name@main",
  ]);
});

Deno.test("unloadModel() says whether the model was loaded", async () => {
  const { send } = createTestApp();
  const unload = async (reference: string) => {
    const response = await send(`/v1/ollm/models/${reference}/unload`, { method: "POST" });
    return [response.status, await response.json()];
  };
  assert.deepEqual(await unload("ollm-tiny"), [200, {
    model: "ollm-tiny",
    state: "unloaded",
    was_loaded: true,
  }]);
  const [status, body] = await unload(STUB_EMBEDDER.reference);
  assert.deepEqual([status, body.was_loaded], [200, false]);
});

Deno.test("loadModel() and unloadModel() refuse what names no model, in the native shape", async () => {
  const { send } = createTestApp();
  for (const action of ["load", "unload"]) {
    for (const reference of ["nope", "..%2Fetc", "%2Fetc", "a%2Fb%2Fc"]) {
      const response = await send(`/v1/ollm/models/${reference}/${action}`, { method: "POST" });
      assert.equal(response.status, 404, `${reference} ${action}`);
      assert.equal(typeof (await response.json()).detail, "string");
    }
    const wrong = await send(`/v1/ollm/models/ollm-tiny/${action}`, { method: "DELETE" });
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    await wrong.body?.cancel();
  }
  const query = await send("/v1/ollm/models/ollm-tiny/load?keep_alive=soon", { method: "POST" });
  assert.equal(query.status, 422);
  assert.deepEqual((await query.json()).detail[0].loc, ["query", "keep_alive"]);
});

Deno.test("loadModel() answers with the reason of a failure", async () => {
  const refusal = new DownloadError("offline", "Cannot download: offline mode is on");
  const { send } = createTestApp({ refusal });
  const response = await send("/v1/ollm/models/ollm-tiny/load", { method: "POST" });
  assert.equal(response.status, 503);
  assert.match((await response.json()).detail, /offline mode/);
});

Deno.test("every route that runs a model passes keep_alive on", async () => {
  const { post, engine } = createTestApp();
  const messages = [{ role: "user", content: "Hi" }];
  const model = "ollm-tiny";
  await post("/v1/chat/completions", { model, messages, keep_alive: "1h30m" });
  await post("/v1/completions", { model, prompt: "Hi", keep_alive: 0 });
  await post("/v1/responses", { model, input: "Hi", keep_alive: 1.5 });
  await post("/v1/prompt", { prompt: "Hi", runtime: { keep_alive: -1 } });
  await post("/v1/chat/completions", { model, messages, keep_alive: null });
  assert.deepEqual(
    engine.requests.map(({ keepAliveMs }) => keepAliveMs),
    [5_400_000, 0, 1_500, Infinity, undefined],
  );
  await post("/v1/embeddings", { model: STUB_EMBEDDER.reference, input: "Hi", keep_alive: "-1s" });
  assert.equal(engine.embedRequests[0]!.keepAliveMs, Infinity);
  const response = await post("/v1/chat/completions", { model, messages, keep_alive: "soon" });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.param, "keep_alive");
});

Deno.test("stats() shows a model's memory and when it will be unloaded", async () => {
  const { send, engine } = createTestApp();
  const [stats] = await engine.stats();
  engine.stats = () => Promise.resolve([{ ...stats!, unloadAt: 1_700_000_000_001 }]);
  const { models: [model] } = await (await send("/v1/ollm/stats")).json();
  const { state, backend, memory_bytes, unload_at } = model;
  assert.deepEqual([state, backend, memory_bytes, unload_at], [
    "loaded",
    "wgsl",
    1230,
    1_700_000_001,
  ]);
});
