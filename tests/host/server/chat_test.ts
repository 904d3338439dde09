import assert from "node:assert/strict";
import {
  ContextLengthError,
  EngineError,
  InvalidRequestError,
  ModelInvalidError,
  QueueFullError,
} from "../../../engine/mod.ts";
import { createTestApp, readData } from "../../support/app.ts";

const CHAT = "/v1/chat/completions";
const HELLO = { model: "ollm-tiny", messages: [{ role: "user", content: "List three planets" }] };

Deno.test("createChatCompletion() answers with text, finish reason and usage", async () => {
  const { post } = createTestApp();
  const reply = await (await post(CHAT, HELLO)).json();
  assert.match(reply.id, /^chatcmpl-[0-9a-f]{32}$/);
  assert.ok(Math.abs(reply.created - Date.now() / 1000) < 5);
  assert.deepEqual({ ...reply, id: "", created: 0 }, {
    id: "",
    object: "chat.completion",
    created: 0,
    model: "ollm-tiny",
    choices: [{
      index: 0,
      message: { role: "assistant", content: "Mercury, Venus and Earth.", refusal: null },
      logprobs: null,
      finish_reason: "stop",
    }],
    usage: {
      prompt_tokens: 5,
      completion_tokens: 3,
      total_tokens: 8,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  });
});

Deno.test("createChatCompletion() reports length when the budget ended the text", async () => {
  const { post } = createTestApp({ reason: "length" });
  const reply = await (await post(CHAT, { ...HELLO, max_tokens: 3 })).json();
  assert.equal(reply.choices[0].finish_reason, "length");
});

Deno.test("createChatCompletion() passes every sampling field to the engine", async () => {
  const { post, engine } = createTestApp();
  await post(CHAT, {
    ...HELLO,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    presence_penalty: 1,
    frequency_penalty: -1,
    repetition_penalty: 1.1,
    seed: -7,
    logit_bias: { "12": -100 },
    logprobs: true,
    top_logprobs: 2,
    stop: "END",
    max_completion_tokens: 9,
  });
  assert.deepEqual(engine.requests, [{
    model: "ollm-tiny",
    messages: [{ role: "user", content: "List three planets" }],
    maxTokens: 9,
    stop: ["END"],
    sampling: {
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: -7,
      minP: 0.1,
      presencePenalty: 1,
      frequencyPenalty: -1,
      repetitionPenalty: 1.1,
      logitBias: { "12": -100 },
      logprobs: 2,
    },
  }]);
});

Deno.test("createChatCompletion() takes null as absent and ignores unknown fields", async () => {
  const { post, engine } = createTestApp();
  const response = await post(CHAT, {
    ...HELLO,
    temperature: null,
    stop: null,
    tools: null,
    user: "u1",
    made_up: true,
  });
  assert.equal(response.status, 200);
  assert.deepEqual(engine.requests[0]!.sampling, { temperature: 0 });
});

Deno.test("createChatCompletion() converts roles, parts, calls and results", async () => {
  const { post, engine } = createTestApp();
  const call = {
    id: "call_1",
    type: "function",
    function: { name: "get_weather", arguments: '{"city":"Paris"}' },
  };
  await post(CHAT, {
    model: "ollm-tiny",
    messages: [
      { role: "developer", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Weather" }, { type: "text", text: "?" }] },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "" },
    ],
    tools: [
      { type: "function", function: { name: "get_weather", parameters: { type: "object" } } },
      { type: "web_search" },
    ],
  });
  assert.deepEqual(engine.requests[0]!.messages, [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Weather?" },
    {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' }],
    },
    { role: "tool", content: "", toolCallId: "call_1" },
  ]);
  assert.deepEqual(engine.requests[0]!.tools, [
    { name: "get_weather", parameters: { type: "object" } },
  ]);
});

Deno.test("createChatCompletion() runs n choices with a seed each", async () => {
  const { post, engine } = createTestApp();
  const reply = await (await post(CHAT, { ...HELLO, n: 3, seed: 10 })).json();
  assert.deepEqual(reply.choices.map((choice: { index: number }) => choice.index), [0, 1, 2]);
  assert.deepEqual(engine.requests.map((request) => request.sampling?.seed), [10, 11, 12]);
  assert.equal(reply.usage.prompt_tokens, 5);
  assert.equal(reply.usage.completion_tokens, 9);
});

Deno.test("createChatCompletion() reports log-probabilities in OpenAI's shape", async () => {
  const { post } = createTestApp({ pieces: ["Hi"] });
  const reply = await (await post(CHAT, { ...HELLO, logprobs: true, top_logprobs: 1 })).json();
  const token = { token: "Hi", bytes: [72, 105], logprob: -0.5 };
  assert.deepEqual(reply.choices[0].logprobs, {
    content: [{ ...token, top_logprobs: [token] }],
    refusal: null,
  });
});

Deno.test("createChatCompletion() streams role, text, finish and [DONE]", async () => {
  const { post } = createTestApp({ pieces: ["Mer", "", "cury"] });
  const response = await post(CHAT, { ...HELLO, stream: true });
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const data = await readData(response);
  assert.equal(data.pop(), "[DONE]");
  const chunks = data.map((text) => JSON.parse(text));
  assert.deepEqual(chunks.map((chunk) => chunk.choices), [
    [{ index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }],
    [{ index: 0, delta: { content: "Mer" }, logprobs: null, finish_reason: null }],
    [{ index: 0, delta: { content: "cury" }, logprobs: null, finish_reason: null }],
    [{ index: 0, delta: {}, logprobs: null, finish_reason: "stop" }],
  ]);
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  assert.ok(chunks.every((chunk) => chunk.object === "chat.completion.chunk"));
  assert.ok(chunks.every((chunk) => !("usage" in chunk)));
});

Deno.test("createChatCompletion() sends the usage last when asked for it", async () => {
  const { post } = createTestApp();
  const data = await readData(
    await post(CHAT, { ...HELLO, stream: true, stream_options: { include_usage: true } }),
  );
  const last = JSON.parse(data.at(-2)!);
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.total_tokens, 8);
  assert.equal(JSON.parse(data[0]!).usage, null);
});

Deno.test("createChatCompletion() interleaves the chunks of n choices by index", async () => {
  const { post } = createTestApp({ pieces: ["a", "b"] });
  const data = await readData(await post(CHAT, { ...HELLO, stream: true, n: 2 }));
  const choices = data.slice(0, -1).map((text) => JSON.parse(text).choices[0]);
  for (const index of [0, 1]) {
    const own = choices.filter((choice) => choice.index === index);
    assert.deepEqual(own.map((choice) => choice.delta.content ?? ""), ["", "a", "b", ""]);
    assert.equal(own.at(-1).finish_reason, "stop");
  }
  assert.equal(choices.length, 8);
});

Deno.test("createChatCompletion() ends a failed stream with an error frame and no [DONE]", async () => {
  const failure = new EngineError("engine_failed", "secret detail of the driver");
  const { post } = createTestApp({ failure });
  const data = await readData(await post(CHAT, { ...HELLO, stream: true }));
  assert.deepEqual(JSON.parse(data.at(-1)!), {
    error: {
      message: "The engine failed while it ran this request; the server's log says why",
      type: "server_error",
      param: null,
      code: "engine_failed",
    },
  });
  assert.ok(!data.includes("[DONE]"));
});

Deno.test("createChatCompletion() maps the engine's refusals", async () => {
  const cases = [
    [new ContextLengthError(600, 10, 512), 400, "context_length_exceeded", "messages"],
    [new QueueFullError(64, 3), 429, "queue_full", null],
    [new EngineError("device_lost", "gone"), 503, "device_lost", null],
    [
      new EngineError("invalid_request", "bad", { param: "sampling.topP" }),
      400,
      "invalid_request",
      "top_p",
    ],
  ] as const;
  for (const [refusal, status, code, param] of cases) {
    const { post } = createTestApp({ refusal });
    const response = await post(CHAT, HELLO);
    assert.equal(response.status, status);
    const { error } = await response.json();
    assert.equal(error.code, code);
    assert.equal(error.param, param);
  }
});

Deno.test("createChatCompletion() says when to come back if the waiting list is full", async () => {
  const { post } = createTestApp({ refusal: new QueueFullError(64, 3) });
  const response = await post(CHAT, HELLO);
  assert.equal(response.headers.get("retry-after"), "3");
});

Deno.test("createChatCompletion() answers 404 for a model that does not exist", async () => {
  const { post, engine } = createTestApp();
  for (const model of ["nope", "../etc", "/etc", "a/b/c"]) {
    const response = await post(CHAT, { ...HELLO, model });
    assert.equal(response.status, 404);
    const { error } = await response.json();
    assert.equal(error.code, "model_not_found");
    assert.equal(error.param, "model");
    assert.equal(error.type, "not_found_error");
  }
  assert.equal(engine.requests.length, 0);
});

Deno.test("createChatCompletion() refuses wrong values with the name of the field", async () => {
  const { post } = createTestApp();
  const user = { role: "user", content: "Hi" };
  const cases: [Record<string, unknown>, string][] = [
    [{ model: " " }, "model"],
    [{ model: 1 }, "model"],
    [{ messages: [] }, "messages"],
    [{ messages: "Hi" }, "messages"],
    [{ messages: [{ content: "Hi" }] }, "messages[0].role"],
    [{ messages: [{ role: "bard", content: "Hi" }] }, "messages[0].role"],
    [{ messages: [{ role: "user", content: 1 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: "" }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [{ text: "Hi" }] }] }, "messages[0].content[0].type"],
    [{
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }],
    }, "messages[0].content[0]"],
    [{ messages: [user, { role: "system", content: "" }, user] }, "messages[1].content"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text"],
    [
      { messages: [{ role: "user", content: [{ type: "text", text: null }] }] },
      "messages[0].content[0].text",
    ],
    [
      { messages: [{ role: "user", content: Array(257).fill({ type: "text", text: "a" }) }] },
      "messages[0].content",
    ],
    [{ tools: [{ type: "function" }] }, "tools[0].function"],
    [{ messages: [{ role: "tool", content: "4" }] }, "messages[0].tool_call_id"],
    [{ messages: [user, { role: "assistant", content: "Yes" }] }, "messages"],
    [{ temperature: -1 }, "temperature"],
    [{ temperature: "1" }, "temperature"],
    [{ top_p: 0 }, "top_p"],
    [{ top_p: 1.1 }, "top_p"],
    [{ top_k: 0 }, "top_k"],
    [{ min_p: 2 }, "min_p"],
    [{ presence_penalty: 3 }, "presence_penalty"],
    [{ frequency_penalty: -3 }, "frequency_penalty"],
    [{ repetition_penalty: 0 }, "repetition_penalty"],
    [{ seed: 1.5 }, "seed"],
    [{ seed: 2 ** 53 }, "seed"],
    [{ n: 9 }, "n"],
    [{ n: 0 }, "n"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_completion_tokens: -1 }, "max_completion_tokens"],
    [{ max_tokens: 1, max_completion_tokens: 2 }, "max_tokens"],
    [{ stop: ["a", "b", "c", "d", "e"] }, "stop"],
    [{ stop: "" }, "stop"],
    [{ logit_bias: { "1": 101 } }, "logit_bias.1"],
    [{ logit_bias: { x: 1 } }, "logit_bias.x"],
    [{ top_logprobs: 2 }, "top_logprobs"],
    [{ logprobs: true, top_logprobs: 21 }, "top_logprobs"],
    [{ stream: "yes" }, "stream"],
    [{ response_format: { type: "xml" } }, "response_format.type"],
    [
      { response_format: { type: "json_schema", json_schema: { name: "a" } } },
      "response_format.json_schema.schema",
    ],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ tool_choice: "maybe" }, "tool_choice"],
    [{ tool_choice: { type: "function", function: { name: "nobody" } } }, "tool_choice"],
    [{ tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name"],
  ];
  for (const [change, param] of cases) {
    const response = await post(CHAT, { ...HELLO, ...change });
    const { error } = await response.json();
    assert.deepEqual([response.status, error?.param, error?.type], [
      400,
      param,
      "invalid_request_error",
    ], JSON.stringify(change));
  }
});

Deno.test("createChatCompletion() takes the empty answer that it gave, and a refusal, as a turn", async () => {
  const { post, engine } = createTestApp();
  const user = { role: "user", content: "Hi" };
  for (const turn of [{ content: "" }, { content: null }, { content: null, refusal: "No" }]) {
    const messages = [user, { role: "assistant", ...turn }, user];
    assert.equal((await post(CHAT, { ...HELLO, messages })).status, 200);
  }
  assert.deepEqual(engine.requests.map(({ messages }) => messages![1]!.content), ["", "", "No"]);
});

Deno.test("toErrorResponse() shows what a request has with its slashes, and no folders of this machine", async () => {
  const message = (error: EngineError) =>
    createTestApp({ refusal: error }).post(CHAT, HELLO)
      .then((response) => response.json()).then(({ error }) => error.message);
  const schema = "The schema has at #/properties/a/type no type";
  assert.equal(await message(new InvalidRequestError("response_format", schema)), schema);
  const fault = "The model's answer breaks its schema: at /a/b, a number is needed";
  assert.equal(await message(new EngineError("answer_invalid", fault)), fault);
  const damaged = new ModelInvalidError("Cannot read /home/me/models/x/params.bin: cut off");
  assert.equal(await message(damaged), "Cannot read params.bin: cut off");
});
