import assert from "node:assert/strict";
import { ContextLengthError, EngineError, QueueFullError } from "../../../engine/mod.ts";
import { createTestApp } from "../../support/app.ts";
import { HELLO, PATH, readEvents, WEATHER } from "../../support/responses.ts";

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
  let text = "";
  while (text.split("event: keepalive").length < 3) text += (await reader.read()).value!;
  const events = text.split("\n\n").slice(0, -1);
  const numbers = events.map((event) => Number(/"sequence_number":(\d+)/.exec(event)![1]));
  assert.deepEqual(numbers, events.map((_, i) => i));
  assert.deepEqual(
    events.slice(-2).map((event) => event.replace(/\d+/, "N")),
    new Array(2).fill('event: keepalive\ndata: {"type":"keepalive","sequence_number":N}'),
  );
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
  await reader.read(); // all that there is before the silence
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
