import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";
import { HELLO, PATH, readEvents, WEATHER } from "../../support/responses.ts";

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

Deno.test("createResponse() is incomplete when the budget ended it", async () => {
  const { post } = createTestApp({ reason: "length" });
  const reply = await (await post(PATH, HELLO)).json();
  assert.equal(reply.status, "incomplete");
  assert.deepEqual(reply.incomplete_details, { reason: "max_output_tokens" });
  const events = await readEvents(await post(PATH, { ...HELLO, stream: true }));
  assert.equal(events.at(-1).type, "response.incomplete");
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

Deno.test("createResponse() takes what a coding agent sends", async () => {
  const { post, engine } = createTestApp();
  const text = (type: string, text: string) => [{ type, text }];
  const events = await readEvents(
    await post(PATH, {
      model: "ollm-tiny",
      instructions: "You are a coding agent.",
      input: [
        { type: "message", role: "developer", content: text("input_text", "Sandbox: on") },
        { type: "message", role: "user", content: text("input_text", "<environment/>") },
        { type: "message", role: "user", content: text("input_text", "Fix it") },
        { type: "reasoning", summary: [], content: null, encrypted_content: null },
        {
          type: "function_call",
          name: "shell",
          arguments: '{"command":["ls"]}',
          call_id: "call_1",
        },
        { type: "function_call_output", call_id: "call_1", output: '{"output":"a.ts"}' },
      ],
      tools: [
        {
          type: "function",
          name: "shell",
          description: "Runs a command",
          strict: false,
          parameters: { type: "object", properties: {}, additionalProperties: false },
        },
        { type: "local_shell" },
        { type: "web_search", external_web_access: false },
        { type: "custom", name: "apply_patch", format: { type: "grammar", syntax: "lark" } },
        { type: "namespace", name: "n", tools: [] },
      ],
      tool_choice: "auto",
      parallel_tool_calls: false,
      reasoning: { effort: "medium", summary: "auto" },
      store: false,
      stream: true,
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "0196",
      text: { verbosity: "low" },
      client_metadata: { session: "s" },
    }),
  );
  assert.equal(events.at(-1).type, "response.completed");
  assert.deepEqual(engine.requests[0]!.messages, [
    { role: "system", content: "You are a coding agent.\n\nSandbox: on" },
    { role: "user", content: "<environment/>" },
    { role: "user", content: "Fix it" },
    {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "call_1", name: "shell", arguments: '{"command":["ls"]}' }],
    },
    { role: "tool", content: '{"output":"a.ts"}', toolCallId: "call_1" },
  ]);
  assert.deepEqual(engine.requests[0]!.tools?.map(({ name }) => name), ["shell"]);
});
