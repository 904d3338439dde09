import assert from "node:assert/strict";
import { createTestApp, readData } from "../../support/app.ts";
import type { StubOptions } from "../../support/stub_engine.ts";

const CHAT = "/v1/chat/completions";
const WEATHER = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object" } },
};
const TIME = { type: "function", function: { name: "get_time", parameters: { type: "object" } } };
const ASK = {
  model: "ollm-tiny",
  messages: [{ role: "user", content: "Weather in Paris and Rome?" }],
  tools: [WEATHER, TIME],
};

/** Thinks, says a word, and calls a function twice. */
const CALLS: StubOptions = {
  reason: "tool_calls",
  script: () => [
    { type: "reasoning", text: "Two cities." },
    { type: "text", text: "Looking." },
    { type: "tool_call", index: 0, name: "get_weather" },
    { type: "tool_call_arguments", index: 0, text: '{"city": ' },
    { type: "tool_call_arguments", index: 0, text: '"Paris"}' },
    { type: "tool_call", index: 1, name: "get_weather" },
    { type: "tool_call_arguments", index: 1, text: '{"city": "Rome"}' },
  ],
};

Deno.test("createChatCompletion() answers with the calls and what was said before them", async () => {
  const { post } = createTestApp(CALLS);
  const { choices: [choice] } = await (await post(CHAT, ASK)).json();
  assert.equal(choice.finish_reason, "tool_calls");
  const ids = choice.message.tool_calls.map((call: { id: string }) => call.id);
  assert.match(ids[0], /^call_[0-9a-f]{32}$/);
  assert.notEqual(ids[0], ids[1]);
  assert.deepEqual(choice.message, {
    role: "assistant",
    content: "Looking.",
    refusal: null,
    reasoning_content: "Two cities.",
    tool_calls: [
      {
        id: ids[0],
        type: "function",
        function: { name: "get_weather", arguments: '{"city": "Paris"}' },
      },
      {
        id: ids[1],
        type: "function",
        function: { name: "get_weather", arguments: '{"city": "Rome"}' },
      },
    ],
  });
});

Deno.test("createChatCompletion() gives null content to a reply that only calls", async () => {
  const { post } = createTestApp({
    reason: "tool_calls",
    script: () => [
      { type: "tool_call", index: 0, name: "get_time" },
      { type: "tool_call_arguments", index: 0, text: "{}" },
    ],
  });
  const { choices: [choice] } = await (await post(CHAT, ASK)).json();
  assert.equal(choice.message.content, null);
});

Deno.test("createChatCompletion() streams a call's name first and its arguments in pieces", async () => {
  const { post } = createTestApp(CALLS);
  const data = await readData(await post(CHAT, { ...ASK, stream: true }));
  assert.equal(data.at(-1), "[DONE]");
  const chunks = data.slice(0, -1).map((text) => JSON.parse(text).choices[0]);
  const ids = chunks.flatMap(({ delta }) => delta.tool_calls?.[0].id ?? []);
  assert.equal(ids.length, 2);
  assert.deepEqual(chunks.map(({ delta }) => delta), [
    { role: "assistant", content: "" },
    { reasoning_content: "Two cities." },
    { content: "Looking." },
    {
      tool_calls: [{
        index: 0,
        id: ids[0],
        type: "function",
        function: { name: "get_weather", arguments: "" },
      }],
    },
    { tool_calls: [{ index: 0, function: { arguments: '{"city": ' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] },
    {
      tool_calls: [{
        index: 1,
        id: ids[1],
        type: "function",
        function: { name: "get_weather", arguments: "" },
      }],
    },
    { tool_calls: [{ index: 1, function: { arguments: '{"city": "Rome"}' } }] },
    {},
  ]);
  assert.equal(chunks.at(-1).finish_reason, "tool_calls");
});

Deno.test("createChatCompletion() passes tools, choice and format on as the engine names them", async () => {
  const schema = { type: "object", properties: { a: { type: "integer" } } };
  const cases: [Record<string, unknown>, Record<string, unknown>][] = [
    [{}, { toolChoice: "auto" }],
    [{ tool_choice: "required" }, { toolChoice: "required" }],
    [{ parallel_tool_calls: false }, { toolChoice: "auto", parallelToolCalls: false }],
    [
      { tool_choice: { type: "function", function: { name: "get_time" } } },
      { toolChoice: { name: "get_time" } },
    ],
    [
      { tools: undefined, response_format: { type: "json_object" } },
      { responseFormat: { type: "json_object" } },
    ],
    [
      {
        tools: undefined,
        response_format: { type: "json_schema", json_schema: { name: "a", strict: true, schema } },
      },
      { responseFormat: { type: "json_schema", schema } },
    ],
    [{ tools: undefined, response_format: { type: "text" } }, {}],
    [{ tool_choice: "none" }, {}],
  ];
  for (const [change, expected] of cases) {
    const { post, engine } = createTestApp();
    assert.equal((await post(CHAT, { ...ASK, ...change })).status, 200, JSON.stringify(change));
    const { toolChoice, parallelToolCalls, responseFormat } = engine.requests[0]!;
    const given = { toolChoice, parallelToolCalls, responseFormat };
    assert.deepEqual(JSON.parse(JSON.stringify(given)), expected);
  }
});

Deno.test("createChatCompletion() offers only the allowed tools", async () => {
  const { post, engine } = createTestApp();
  await post(CHAT, {
    ...ASK,
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode: "required", tools: [TIME] },
    },
  });
  assert.deepEqual(engine.requests[0]!.tools?.map(({ name }) => name), ["get_time"]);
  assert.equal(engine.requests[0]!.toolChoice, "required");
});

Deno.test("createChatCompletion() refuses two functions of one name", async () => {
  const { post } = createTestApp();
  const response = await post(CHAT, { ...ASK, tools: [WEATHER, WEATHER] });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.param, "tools[1].function.name");
});
