import assert from "node:assert/strict";
import { EngineError } from "../../../engine/mod.ts";
import { createTestApp } from "../../support/app.ts";

Deno.test("createPrompt() answers with text and the facts of the run", async () => {
  const { post, engine } = createTestApp();
  const response = await post("/v1/prompt", { prompt: "List three planets" });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    text: "Mercury, Venus and Earth.",
    metadata: {
      backend_id: "wgsl",
      kernel_set: "gpu",
      adapter: "stub adapter",
      quantization: "q4f16_1",
      kv_dtype: "f16",
      kv_cache_strategy: "paged",
      context_length: "512",
      specialization_state: "applied",
      finish_reason: "stop",
      prompt_tokens: "5",
      cached_tokens: "2",
      completion_tokens: "3",
      time_to_first_token_ms: "12.5",
      decode_ms: "40.0",
      decode_tokens_per_second: "50.0",
      predicted_decode_tokens_per_second: "56.8",
    },
  });
  assert.deepEqual(engine.requests[0], {
    model: "ollm-tiny",
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: "List three planets" },
    ],
    sampling: { temperature: 0 },
  });
});

Deno.test("createPrompt() sends no system message for an empty system prompt", async () => {
  const { post, engine } = createTestApp();
  await post("/v1/prompt", {
    prompt: "Hi",
    system_prompt: "",
    generation: { max_new_tokens: 4, top_p: 0.5, top_k: null },
    runtime: { backend: "optimized-native" },
  });
  assert.deepEqual(engine.requests[0], {
    model: "ollm-tiny",
    messages: [{ role: "user", content: "Hi" }],
    sampling: { temperature: 0, topP: 0.5 },
    maxTokens: 4,
    backend: "optimized-native",
  });
});

Deno.test("createPrompt() lists every field that does not fit the schema", async () => {
  const { post } = createTestApp();
  const response = await post("/v1/prompt", {
    prompt: 1,
    made_up: true,
    generation: { temperature: -1, stream: true },
  });
  assert.equal(response.status, 422);
  const { detail } = await response.json();
  assert.deepEqual(detail, [
    { type: "invalid_type", loc: ["body", "prompt"], msg: "expected string, received number" },
    {
      type: "invalid_value",
      loc: ["body", "generation", "temperature"],
      msg: "expected number to be >=0",
    },
    { type: "extra_forbidden", loc: ["body", "generation", "stream"], msg: "unknown field" },
    { type: "extra_forbidden", loc: ["body", "made_up"], msg: "unknown field" },
  ]);
});

Deno.test("createPrompt() answers other errors with one sentence", async () => {
  const cases: [unknown, number][] = [
    [{ prompt: "" }, 400],
    [{ prompt: "Hi", runtime: { model_reference: " " } }, 400],
    [{ prompt: "Hi", runtime: { model_reference: "nope" } }, 404],
    [{ prompt: "Hi", runtime: { backend: "cuda" } }, 400],
    [{ prompt: "Hi", runtime: { backend: "web-llm" } }, 400],
  ];
  for (const path of ["/v1/prompt", "/v1/prompt/stream"]) {
    for (const [body, status] of cases) {
      const response = await createTestApp().post(path, body);
      assert.equal(response.status, status, JSON.stringify(body));
      assert.equal(typeof (await response.json()).detail, "string");
    }
  }
});

Deno.test("streamPrompt() sends status, text and complete", async () => {
  const { post } = createTestApp({ pieces: ["Mer", "cury\n"] });
  const response = await post("/v1/prompt/stream", { prompt: "Hi" });
  assert.equal(
    await response.text(),
    [
      'event: status\ndata: {"message":"ollm-tiny on stub adapter (wgsl, gpu)"}\n\n',
      'event: text\ndata: {"delta":"Mer"}\n\n',
      'event: text\ndata: {"delta":"cury\\n"}\n\n',
      'event: complete\ndata: {"text":"Mercury\\n"}\n\n',
    ].join(""),
  );
});

Deno.test("streamPrompt() ends with error instead of complete", async () => {
  const { post } = createTestApp({
    failure: new EngineError("device_lost", "The device was lost"),
  });
  const text = await (await post("/v1/prompt/stream", { prompt: "Hi" })).text();
  assert.ok(text.endsWith('event: error\ndata: {"detail":"The device was lost"}\n\n'), text);
  assert.ok(!text.includes("complete"));
});

Deno.test("createPlan() plans the default model", async () => {
  const response = await createTestApp().post("/v1/plan", {});
  assert.equal(response.status, 200);
  const plan = await response.json();
  assert.deepEqual(plan.runtime_config, {
    model_reference: "ollm-tiny",
    models_dir: "/models",
    backend: null,
    context_length: null,
    max_sequences: null,
  });
  assert.equal(plan.resolved_model.source_kind, "builtin");
  assert.equal(plan.resolved_model.support_level, "optimized");
  assert.equal(plan.runtime_plan.backend_id, "wgsl");
  assert.deepEqual(plan.runtime_plan.memory, {
    weights_bytes: 1000,
    kv_bytes: 200,
    activation_bytes: 30,
    total_bytes: 1230,
  });
  assert.deepEqual(plan.runtime_plan.kv_blocks, { num_blocks: 64, block_size: 16 });
  assert.deepEqual(plan.runtime_plan.prediction, {
    num_prompt_tokens: 511,
    prefill_tokens_per_second: 1230,
    decode_tokens_per_second: 56.8,
    time_to_first_token_ms: 414,
    basis: "Measured when the model was loaded here",
  });
});

Deno.test("createPlan() answers 200 for a model that does not exist, a path included", async () => {
  for (const reference of ["nope", "/etc", "../secrets", "qwen3.5:9b"]) {
    const response = await createTestApp().post("/v1/plan", {
      runtime: { model_reference: reference },
    });
    assert.equal(response.status, 200);
    const plan = await response.json();
    assert.equal(plan.resolved_model.support_level, "unsupported");
    assert.equal(plan.resolved_model.path, null);
    assert.equal(plan.runtime_plan.backend_id, null);
  }
});

Deno.test("createPlan() refuses unknown fields and blank references", async () => {
  const { post } = createTestApp();
  assert.equal((await post("/v1/plan", { runtime: { device: "cpu" } })).status, 422);
  assert.equal((await post("/v1/plan", { runtime: { model_reference: "" } })).status, 400);
});

Deno.test("stats() shows what runs", async () => {
  const { send, post } = createTestApp({ hangs: true });
  const response = await post("/v1/chat/completions", {
    model: "ollm-tiny",
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
  });
  const reader = response.body!.getReader();
  await reader.read();
  assert.equal((await (await send("/v1/ollm/stats")).json()).models[0].num_running, 1);
  await reader.cancel();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { models: [counters] } = await (await send("/v1/ollm/stats")).json();
  assert.equal(counters.num_running, 0);
  assert.equal(counters.num_cancelled_total, 1);
});
