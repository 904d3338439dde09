import assert from "node:assert/strict";
import { type ModelInfo, planNothing } from "../../../engine/mod.ts";
import { ModelInfosReply } from "../../../server/schema/replies/native.ts";
import { createTestApp } from "../../support/app.ts";
import { STUB_MODEL } from "../../support/stub_engine.ts";

const LIST = "/v1/ollm/models";

Deno.test("listModelInfos() shows each model with its plan", async () => {
  const response = await createTestApp().send(LIST);
  assert.equal(response.status, 200);
  const { models: [model, ...others] } = await response.json();
  assert.deepEqual(others, []);
  const { runtime_plan: plan, ...info } = model;
  assert.deepEqual(info, {
    model_reference: "ollm-tiny",
    normalized_name: "ollm-tiny",
    source_kind: "builtin",
    support_level: "optimized",
    modalities: ["text"],
    requires_processor: false,
    supports_disk_cache: false,
    supports_specialization: true,
    repo_id: null,
    revision: null,
    path: "/models/ollm-tiny",
    native_family: "llama",
    architecture: null,
    model_type: "llama",
    generic_model_kind: "causal-lm",
    resolution_message: "llama runs on our own kernels; 64 blocks hold 2 sequences of 512 tokens",
    quantization: "q4f16_1",
    context_length: 512,
    task: "generate",
    library: null,
    memory_bytes: null,
    required_features: [],
    materialized: true,
    discovery_source: "built-in",
    resolved_support_level: "optimized",
    resolved_modalities: ["text"],
    resolved_requires_processor: false,
    resolved_supports_disk_cache: false,
    resolved_resolution_message: "runs on our own kernels",
  });
  assert.equal(plan.backend_id, "wgsl");
  assert.equal(plan.memory.total_bytes, 1230);
});

Deno.test("listModelInfos() shows damaged packages, unless only installed ones are asked for", async () => {
  const { engine, send } = createTestApp();
  const damaged = { ...STUB_MODEL, reference: "damaged", materialized: false };
  engine.listModels = () => Promise.resolve([STUB_MODEL, damaged]);
  const count = async (query: string) => (await (await send(LIST + query)).json()).models.length;
  for (const query of ["", "?installed=false", "?installed=off", "?other=1"]) {
    assert.equal(await count(query), 2, query);
  }
  for (const query of ["?installed=true", "?installed=1", "?installed=YES"]) {
    assert.equal(await count(query), 1, query);
  }
});

Deno.test("listModelInfos() shows what can be downloaded at the level that the catalog gives it", async () => {
  const { engine, send } = createTestApp();
  const library = { path: "/models/.libraries/v1/x.wasm", url: "https://example.org/x.wasm" };
  const absent: ModelInfo = {
    ...STUB_MODEL,
    reference: "snowflake@v1",
    sourceKind: "hugging-face",
    repository: "mlc-ai/snowflake",
    revision: "v1",
    materialized: false,
    task: "embed",
    library,
    memoryBytes: 250_305_577,
    requiredFeatures: ["shader-f16"],
    supportLevel: "generic",
    modelType: "bert",
    message: "Not on this machine",
  };
  engine.listModels = () => Promise.resolve([absent]);
  engine.plan = () => Promise.resolve(planNothing(absent, [absent.message]));
  const reply = await (await send(LIST)).json();
  ModelInfosReply.parse(reply);
  const { models: [model] } = reply;
  assert.equal(model.source_kind, "hugging-face");
  assert.equal(model.repo_id, "mlc-ai/snowflake");
  assert.equal(model.revision, "v1");
  assert.equal(model.materialized, false);
  assert.equal(model.support_level, "generic");
  assert.equal(model.supports_specialization, false);
  assert.equal(model.generic_model_kind, null);
  assert.equal(model.task, "embed");
  assert.deepEqual(model.library, library);
  assert.equal(model.memory_bytes, 250_305_577);
  assert.deepEqual(model.required_features, ["shader-f16"]);
  assert.equal(model.runtime_plan.backend_id, null);
});

Deno.test("listModelInfos() calls what a compiled library runs generic", async () => {
  const { engine, send } = createTestApp();
  engine.plan = () => Promise.resolve({ ...planNothing(STUB_MODEL, ["yes"]), backend: "web-llm" });
  const { models: [model] } = await (await send(LIST)).json();
  assert.equal(model.support_level, "generic");
  assert.equal(model.resolved_support_level, "optimized");
  assert.equal(model.runtime_plan.specialization_enabled, false);
  assert.equal(model.runtime_plan.specialization_provider_id, null);
});

Deno.test("listModelInfos() plans with the backend of the query", async () => {
  const { send } = createTestApp();
  const levelOf = async (query: string) => {
    const { models: [model] } = await (await send(LIST + query)).json();
    return [model.support_level, model.resolved_support_level, model.runtime_plan.backend_id];
  };
  assert.deepEqual(await levelOf("?backend=wgsl"), ["optimized", "optimized", "wgsl"]);
  assert.deepEqual(await levelOf("?backend=web-llm"), ["unsupported", "optimized", null]);
  assert.deepEqual(await levelOf("?no_specialization=1"), ["unsupported", "optimized", null]);
});

Deno.test("listModelInfos() and retrieveModelInfo() refuse a query that makes no sense", async () => {
  const { send } = createTestApp();
  for (const path of [LIST, `${LIST}/ollm-tiny`]) {
    assert.equal((await send(`${path}?backend=cuda`)).status, 400);
    const contradiction = await send(`${path}?backend=wgsl&no_specialization=true`);
    assert.equal(contradiction.status, 400);
    const invalid = await send(`${path}?no_specialization=maybe`);
    assert.equal(invalid.status, 422);
    assert.deepEqual((await invalid.json()).detail[0].loc, ["query", "no_specialization"]);
  }
});

Deno.test("listModelInfos() asks the engine for the folder of the query", async () => {
  const { engine, send } = createTestApp();
  const asked: unknown[] = [];
  engine.listModels = (options) => {
    asked.push(options);
    return Promise.resolve([]);
  };
  await send(`${LIST}?models_dir=org`);
  await send(LIST);
  assert.deepEqual(asked, [{ modelsDir: "org" }, {}]);
});

Deno.test("retrieveModelInfo() answers 200 for a model that does not exist, a path included", async () => {
  const { send } = createTestApp();
  for (const id of ["nope", "org%2Fname", "org/name", "%2Fetc", "..%2fsecrets", "a/b/c"]) {
    const response = await send(`${LIST}/${id}`);
    assert.equal(response.status, 200, id);
    const model = await response.json();
    assert.equal(model.support_level, "unsupported");
    assert.equal(model.path, null);
    assert.equal(model.discovery_source, null);
    assert.equal(model.runtime_plan.backend_id, null);
  }
});

Deno.test("retrieveModelInfo() answers 400 for an empty or broken reference", async () => {
  const { send } = createTestApp();
  for (const id of ["", "%20", "%ff"]) assert.equal((await send(`${LIST}/${id}`)).status, 400, id);
});

Deno.test("retrieveModelInfo() shows a known model without a discovery source", async () => {
  const model = await (await createTestApp().send(`${LIST}/ollm-tiny?multimodal=true`)).json();
  assert.equal(model.normalized_name, "ollm-tiny");
  assert.equal(model.discovery_source, null);
  assert.deepEqual(model.modalities, ["text"]);
});
