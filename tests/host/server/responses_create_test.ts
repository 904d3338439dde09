import assert from "node:assert/strict";
import { ContextLengthError, EngineError, QueueFullError } from "../../../engine/mod.ts";
import { createTestApp, readData } from "../../support/app.ts";

const PATH = "/v1/responses";
const HELLO = { model: "ollm-tiny", input: "List three planets" };

const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

/** The events of a stream, and their names as the frames give them. */
async function readEvents(response: Response) {
  const text = await response.clone().text();
  const names = text.split("\n").filter((line) => line.startsWith("event: "));
  const events = (await readData(response)).map((data) => JSON.parse(data));
  assert.deepEqual(names, events.map(({ type }) => `event: ${type}`));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
  return events;
}

Deno.test("createResponse() answers with OpenAI's object", async () => {
  const { post } = createTestApp();
  const reply = await (await post(PATH, HELLO)).json();
  assert.match(reply.id, /^resp_[0-9a-f]{32}$/);
  assert.match(reply.output[0].id, /^msg_[0-9a-f]{32}$/);
  assert.ok(Math.abs(reply.created_at - Date.now() / 1000) < 5);
  assert.ok(reply.completed_at >= reply.created_at);
  assert.deepEqual({ ...reply, id: "", created_at: 0, completed_at: 0 }, {
    id: "",
    object: "response",
    created_at: 0,
    status: "completed",
    completed_at: 0,
    error: null,
    incomplete_details: null,
    output: [{
      id: reply.output[0].id,
      type: "message",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text: "Mercury, Venus and Earth.", annotations: [] }],
    }],
    usage: {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens: 3,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 8,
    },
    background: false,
    conversation: null,
    instructions: null,
    max_output_tokens: null,
    max_tool_calls: null,
    model: "ollm-tiny",
    previous_response_id: null,
    prompt_cache_key: null,
    reasoning: { effort: null, summary: null },
    safety_identifier: null,
    service_tier: "default",
    store: false,
    temperature: 0,
    text: { format: { type: "text" }, verbosity: "medium" },
    top_logprobs: 0,
    top_p: null,
    truncation: "disabled",
    user: null,
    metadata: {},
    tools: [],
    tool_choice: "none",
    parallel_tool_calls: true,
  });
});

Deno.test("createResponse() passes every field that matters to the engine", async () => {
  const { post, engine } = createTestApp();
  await post(PATH, {
    ...HELLO,
    instructions: "Be brief.",
    max_output_tokens: 9,
    temperature: 0.5,
    top_p: 0.9,
    seed: -7,
    include: ["message.output_text.logprobs"],
    top_logprobs: 2,
    tools: [WEATHER, { type: "web_search" }, { type: "custom", name: "apply_patch" }],
    tool_choice: "auto",
    parallel_tool_calls: false,
    text: { format: { type: "json_schema", name: "planets", schema: { type: "array" } } },
  });
  const { type: _, ...definition } = WEATHER;
  assert.deepEqual(engine.requests, [{
    model: "ollm-tiny",
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "List three planets" },
    ],
    tools: [definition],
    toolChoice: "auto",
    parallelToolCalls: false,
    responseFormat: { type: "json_schema", schema: { type: "array" } },
    maxTokens: 9,
    sampling: { temperature: 0.5, topP: 0.9, seed: -7, logprobs: 2 },
  }]);
});

Deno.test("createResponse() repeats what was asked for as it was applied", async () => {
  const { post } = createTestApp();
  const asked = {
    instructions: "Be brief.",
    max_output_tokens: 9,
    max_tool_calls: 3,
    metadata: { topic: "planets" },
    parallel_tool_calls: false,
    prompt_cache_key: "k",
    reasoning: { effort: "low", summary: "auto" },
    safety_identifier: "s",
    temperature: 0.5,
    top_p: 0.9,
    user: "u",
  };
  const reply = await (await post(PATH, {
    ...HELLO,
    ...asked,
    service_tier: "flex",
    store: true,
    truncation: "auto",
    text: { format: { type: "json_object" }, verbosity: "low" },
    tools: [{ ...WEATHER, strict: false }, { type: "web_search" }],
    tool_choice: { type: "function", name: "get_weather" },
  })).json();
  const applied = {
    ...asked,
    service_tier: "default",
    store: false,
    truncation: "disabled",
    text: { format: { type: "json_object" }, verbosity: "low" },
    tools: [{ ...WEATHER, strict: false }],
    tool_choice: { type: "function", name: "get_weather" },
  };
  for (const [field, value] of Object.entries(applied)) {
    assert.deepEqual(reply[field], value, field);
  }
});

Deno.test("createResponse() turns each tool_choice into the engine's words", async () => {
  const other = { type: "function", name: "get_time" };
  const allowed = (mode: string) => ({
    type: "allowed_tools",
    mode,
    tools: [{ type: "function", name: "get_time" }],
  });
  const cases: [unknown, unknown, string[] | undefined][] = [
    [undefined, "auto", ["get_weather", "get_time"]],
    [null, "auto", ["get_weather", "get_time"]],
    ["auto", "auto", ["get_weather", "get_time"]],
    [" Required ", "required", ["get_weather", "get_time"]],
    ["none", undefined, undefined],
    [{ type: "function", name: "get_time" }, { name: "get_time" }, ["get_weather", "get_time"]],
    [allowed("auto"), "auto", ["get_time"]],
    [allowed("required"), "required", ["get_time"]],
    [{ type: "web_search_preview" }, "auto", ["get_weather", "get_time"]],
  ];
  for (const [tool_choice, engineChoice, names] of cases) {
    const { post, engine } = createTestApp();
    await post(PATH, { ...HELLO, tools: [WEATHER, other], tool_choice });
    const [request] = engine.requests;
    assert.deepEqual(request!.toolChoice, engineChoice);
    assert.deepEqual(request!.tools?.map(({ name }) => name), names);
  }
});

Deno.test("createResponse() leaves out a text format that a forced call would contradict", async () => {
  const { post, engine } = createTestApp();
  await post(PATH, {
    ...HELLO,
    tools: [WEATHER],
    tool_choice: "required",
    text: { format: { type: "json_object" } },
  });
  assert.equal(engine.requests[0]!.responseFormat, undefined);
});

Deno.test("createResponse() takes null as absent, an empty text and unknown fields", async () => {
  const { post, engine } = createTestApp();
  const response = await post(PATH, {
    ...HELLO,
    instructions: null,
    tools: null,
    tool_choice: null,
    reasoning: null,
    stream: null,
    metadata: null,
    text: {},
    stream_options: { include_obfuscation: false },
    include: ["reasoning.encrypted_content", "made_up"],
    made_up: true,
  });
  assert.equal(response.status, 200);
  assert.deepEqual(engine.requests[0], {
    model: "ollm-tiny",
    messages: [{ role: "user", content: "List three planets" }],
    sampling: { temperature: 0 },
  });
});

Deno.test("createResponse() streams named, numbered events and no [DONE]", async () => {
  const { post } = createTestApp();
  const response = await post(PATH, { ...HELLO, stream: true });
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const events = await readEvents(response);
  assert.deepEqual(events.map(({ type }) => type), [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  assert.deepEqual(events[0].response.output, []);
});

Deno.test("createResponse() answers with what its stream ends with", async () => {
  const script = () => [
    { type: "reasoning" as const, text: "Paris is in France." },
    { type: "text" as const, text: "Let me see." },
    { type: "tool_call" as const, index: 0, name: "get_weather" },
    { type: "tool_call_arguments" as const, index: 0, text: '{"city":"Paris"}' },
  ];
  const { post } = createTestApp({ script, reason: "tool_calls" });
  const request = { ...HELLO, tools: [WEATHER] };
  const whole = await (await post(PATH, request)).json();
  const streamed = (await readEvents(await post(PATH, { ...request, stream: true }))).at(-1);
  const withoutIds = (value: unknown) =>
    JSON.stringify(value).replaceAll(/(resp|msg|fc|rs|call)_[0-9a-f]{32}/g, "$1")
      .replaceAll(/"(created_at|completed_at)":\d+/g, "");
  assert.equal(withoutIds(streamed.response), withoutIds(whole));
  assert.deepEqual(whole.output.map(({ type }: { type: string }) => type), [
    "reasoning",
    "message",
    "function_call",
  ]);
  const [call] = whole.output.slice(-1);
  assert.match(call.id, /^fc_[0-9a-f]{32}$/);
  assert.match(call.call_id, /^call_[0-9a-f]{32}$/);
  assert.equal(call.arguments, '{"city":"Paris"}');
});

Deno.test("createResponse() is incomplete when the budget ended it", async () => {
  const { post } = createTestApp({ reason: "length" });
  const reply = await (await post(PATH, HELLO)).json();
  assert.equal(reply.status, "incomplete");
  assert.deepEqual(reply.incomplete_details, { reason: "max_output_tokens" });
  const events = await readEvents(await post(PATH, { ...HELLO, stream: true }));
  assert.equal(events.at(-1).type, "response.incomplete");
});

Deno.test("createResponse() maps the engine's refusals before a stream opens", async () => {
  const cases = [
    [new ContextLengthError(600, 10, 512), 400, "context_length_exceeded", "input"],
    [new QueueFullError(64, 3), 429, "queue_full", null],
    [new EngineError("device_lost", "gone"), 503, "device_lost", null],
    [
      new EngineError("invalid_request", "bad schema", { param: "responseFormat" }),
      400,
      "invalid_request",
      "text.format",
    ],
    [
      new EngineError("invalid_request", "bad", { param: "maxTokens" }),
      400,
      "invalid_request",
      "max_output_tokens",
    ],
  ] as const;
  for (const [refusal, status, code, param] of cases) {
    for (const stream of [false, true]) {
      const { post } = createTestApp({ refusal });
      const response = await post(PATH, { ...HELLO, stream });
      assert.equal(response.status, status);
      const { error } = await response.json();
      assert.deepEqual([error.code, error.param], [code, param]);
    }
  }
});

Deno.test("createResponse() opens the stream when the model takes long to load", async () => {
  const refusal = new ContextLengthError(600, 10, 512);
  const { post, engine } = createTestApp({}, { limits: { keepAliveMs: 10 } });
  engine.generate = async () => {
    await new Promise((resolve) => setTimeout(resolve, 35));
    throw refusal;
  };
  const response = await post(PATH, { ...HELLO, stream: true });
  assert.equal(response.status, 200);
  const events = await readEvents(response);
  assert.deepEqual(events.slice(0, 3).map(({ type }) => type), [
    "response.created",
    "response.in_progress",
    "keepalive",
  ]);
  const last = events.at(-1);
  assert.equal(last.type, "response.failed");
  assert.equal(last.response.error.code, "context_length_exceeded");
});

Deno.test("createResponse() sends a keepalive event during a silence", async () => {
  const { post } = createTestApp({ hangs: true }, { limits: { keepAliveMs: 10 } });
  const response = await post(PATH, { ...HELLO, stream: true });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const frames: string[] = [];
  while (frames.length < 7) frames.push((await reader.read()).value!);
  assert.deepEqual(frames.slice(5), [
    'event: keepalive\ndata: {"type":"keepalive","sequence_number":5}\n\n',
    'event: keepalive\ndata: {"type":"keepalive","sequence_number":6}\n\n',
  ]);
  await reader.cancel();
});

Deno.test("createResponse() ends a failed stream with response.failed", async () => {
  const failure = new EngineError("engine_failed", "secret detail of the driver");
  const { post } = createTestApp({ failure });
  const last = (await readEvents(await post(PATH, { ...HELLO, stream: true }))).at(-1);
  assert.equal(last.type, "response.failed");
  assert.equal(last.response.status, "failed");
  assert.deepEqual(last.response.output, []);
  assert.deepEqual(last.response.error, {
    code: "server_error",
    message: "The engine failed while it ran this request; the server's log says why",
  });
  const response = await post(PATH, HELLO);
  assert.equal(response.status, 500);
  assert.equal((await response.json()).error.code, "engine_failed");
});

Deno.test("createResponse() cancels the generation when its client leaves", async () => {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  const { post, engine } = createTestApp({ hangs: true });
  const stream = await post(PATH, { ...HELLO, stream: true });
  const reader = stream.body!.getReader();
  for (let i = 0; i < 5; i++) await reader.read();
  await reader.cancel();
  const client = new AbortController();
  const response = post(PATH, HELLO, { signal: client.signal });
  await settle();
  assert.equal(engine.numRunning, 1);
  client.abort();
  await response;
  await settle();
  assert.equal(engine.numRunning, 0);
  assert.equal(engine.numCancelled, 2);
});

Deno.test("createResponse() refuses wrong values with the name of the field", async () => {
  const { post } = createTestApp();
  const tools = [WEATHER];
  const cases: [Record<string, unknown>, string][] = [
    [{ model: undefined }, "model"],
    [{ model: " " }, "model"],
    [{ input: undefined }, "input"],
    [{ input: "" }, "input"],
    [{ input: [] }, "input"],
    [{ input: 1 }, "input"],
    [{ instructions: 1 }, "instructions"],
    [{ stream: "yes" }, "stream"],
    [{ temperature: -1 }, "temperature"],
    [{ top_p: 0 }, "top_p"],
    [{ seed: 1.5 }, "seed"],
    [{ max_output_tokens: 0 }, "max_output_tokens"],
    [{ max_tool_calls: 0 }, "max_tool_calls"],
    [{ top_logprobs: 2 }, "top_logprobs"],
    [{ top_logprobs: 21 }, "top_logprobs"],
    [{ truncation: "some" }, "truncation"],
    [{ metadata: { a: 1 } }, "metadata.a"],
    [{ metadata: { a: "x".repeat(513) } }, "metadata.a"],
    [{ text: { format: { type: "xml" } } }, "text.format.type"],
    [{ text: { format: { type: "json_schema", name: "a" } } }, "text.format.schema"],
    [{ text: { verbosity: "loud" } }, "text.verbosity"],
    [{ tools: [{ type: "function" }] }, "tools[0].name"],
    [{ tools: [{ type: "function", name: "a b" }] }, "tools[0].name"],
    [{ tools: [WEATHER, WEATHER] }, "tools[1].name"],
    [{ tools: [{ type: "function", name: "a", parameters: "x" }] }, "tools[0].parameters"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ tool_choice: "required", tools: [{ type: "web_search" }] }, "tool_choice"],
    [{ tool_choice: "sometimes", tools }, "tool_choice"],
    [{ tool_choice: { type: "function", name: "get_time" }, tools }, "tool_choice"],
    [{ tool_choice: { name: "get_weather" }, tools }, "tool_choice.type"],
    [{ tool_choice: { type: "allowed_tools", mode: "x", tools: [] }, tools }, "tool_choice.mode"],
    [{ tool_choice: { type: "allowed_tools", mode: "auto" }, tools }, "tool_choice.tools"],
    [
      { tool_choice: { type: "allowed_tools", mode: "required", tools: [null] }, tools },
      "tool_choice.tools",
    ],
    [{ previous_response_id: "resp_1" }, "previous_response_id"],
    [{ conversation: "conv_1" }, "conversation"],
    [{ conversation: 1 }, "conversation"],
    [{ background: true }, "background"],
  ];
  for (const [change, param] of cases) {
    const response = await post(PATH, { ...HELLO, ...change });
    const { error } = await response.json();
    assert.deepEqual([response.status, error?.param, error?.type], [
      400,
      param,
      "invalid_request_error",
    ], JSON.stringify(change));
  }
  for (const model of ["nope", "../etc"]) {
    const response = await post(PATH, { ...HELLO, model, stream: true });
    assert.equal(response.status, 404);
    assert.equal((await response.json()).error.code, "model_not_found");
  }
});

Deno.test("countInputTokens() counts what the model would read", async () => {
  const { post } = createTestApp();
  const reply = await post("/v1/responses/input_tokens", {
    model: "ollm-tiny",
    instructions: "Be",
    input: "brief",
  });
  assert.deepEqual(await reply.json(), { object: "response.input_tokens", input_tokens: 8 });
});
