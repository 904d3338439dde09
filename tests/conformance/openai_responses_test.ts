/**
 * OpenAI's Node client: responses that need no store.
 *
 * @module
 */
import assert from "node:assert/strict";
import type OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { createClient, MODEL, onlyCall, onlyText } from "./target.ts";
import { WEATHER_PARAMETERS, WEATHER_QUESTION } from "./target.ts";

type Event = OpenAI.Responses.ResponseStreamEvent;

const client = createClient();
const ask = {
  model: MODEL,
  instructions: "Be brief.",
  input: "List three planets",
  temperature: 0,
  store: false,
} satisfies OpenAI.Responses.ResponseCreateParamsNonStreaming;
const weather: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "get_weather",
  description: "Look up current weather",
  parameters: WEATHER_PARAMETERS,
  strict: true,
};
const askWeather = { model: MODEL, input: WEATHER_QUESTION, tools: [weather], temperature: 0 };

/** Events of one message, without its deltas. */
const MESSAGE_EVENTS = [
  "response.created",
  "response.in_progress",
  "response.output_item.added",
  "response.content_part.added",
  "response.output_text.done",
  "response.content_part.done",
  "response.output_item.done",
  "response.completed",
];

Deno.test("openai: responses.create() returns one message with usage", async () => {
  const response = await client.responses.create(ask);
  assert.equal(response.object, "response");
  assert.equal(response.status, "completed");
  assert.equal(response.error, null);
  assert.equal(response.incomplete_details, null);
  const text = response.output_text;
  assert.deepEqual(onlyText(response), { type: "output_text", text, annotations: [] });
  assert.ok(text.length > 0);
  const { input_tokens, output_tokens, total_tokens, input_tokens_details } = response.usage!;
  assert.equal(total_tokens, input_tokens + output_tokens);
  assert.ok(input_tokens_details.cached_tokens <= input_tokens);
  assert.equal(response.instructions, "Be brief.");
});

Deno.test("openai: responses.create() streams numbered events in the documented order", async () => {
  const events = await collect(await client.responses.create({ ...ask, stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  const names = events.map(({ type }) => type);
  assert.deepEqual(names.filter((name) => !name.endsWith(".delta")), MESSAGE_EVENTS);
  const first = events[0]!;
  assert.ok(first.type === "response.created");
  assert.deepEqual(first.response.output, []);
  assert.equal(first.response.status, "in_progress");
  const last = events.at(-1)!;
  assert.ok(last.type === "response.completed");
  assert.equal(last.response.id, first.response.id);
  const text = events.map((event) => event.type === "response.output_text.delta" ? event.delta : "")
    .join("");
  assert.equal(text, (await client.responses.create(ask)).output_text);
  const ids = events.flatMap((event) => "item_id" in event ? [event.item_id] : []);
  assert.deepEqual([...new Set(ids)], last.response.output.map((item) => item.id));
});

Deno.test("openai: responses.stream() gathers the final response", async () => {
  const stream = client.responses.stream(ask);
  let snapshot = "";
  stream.on("response.output_text.delta", (event) => snapshot = event.snapshot);
  const response = await stream.finalResponse();
  assert.equal(response.status, "completed");
  assert.equal(response.output_text, snapshot);
});

Deno.test("openai: responses.create() reports a spent budget as incomplete", async () => {
  const response = await client.responses.create({ ...ask, max_output_tokens: 2 });
  assert.equal(response.status, "incomplete");
  assert.equal(response.incomplete_details!.reason, "max_output_tokens");
  const stream = await client.responses.create({ ...ask, max_output_tokens: 2, stream: true });
  assert.equal((await collect(stream)).at(-1)!.type, "response.incomplete");
});

Deno.test("openai: responses.create() takes items of every kind of turn", async () => {
  const response = await client.responses.create({
    ...ask,
    tools: [weather],
    tool_choice: "none",
    input: [
      { role: "developer", content: "Answer in one word." },
      { role: "user", content: [{ type: "input_text", text: WEATHER_QUESTION }] },
      { type: "reasoning", id: "rs_1", summary: [] },
      { type: "function_call", call_id: "call_1", name: "get_weather", arguments: "{}" },
      {
        type: "function_call_output",
        call_id: "call_1",
        output: [{ type: "input_text", text: "sunny" }],
      },
      {
        type: "message",
        id: "msg_1",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: "Sunny.", annotations: [] }],
      },
      { role: "user", content: "Thank you" },
    ],
  });
  assert.equal(response.status, "completed");
});

Deno.test("openai: responses.create() calls the function that answers", async () => {
  const call = onlyCall(await client.responses.create(askWeather));
  assert.equal(call.name, "get_weather");
  assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
  assert.match(call.call_id, /^call_/);
});

Deno.test("openai: responses.create() streams a call's arguments", async () => {
  const events = await collect(await client.responses.create({ ...askWeather, stream: true }));
  const added = events.find((event) => event.type === "response.output_item.added");
  assert.ok(added?.type === "response.output_item.added" && added.item.type === "function_call");
  assert.equal(added.item.arguments, "");
  const pieces = events.map((event) =>
    event.type === "response.function_call_arguments.delta" ? event.delta : ""
  );
  const done = events.find((event) => event.type === "response.function_call_arguments.done");
  assert.ok(done?.type === "response.function_call_arguments.done");
  assert.equal(pieces.join(""), done.arguments);
  assert.deepEqual(JSON.parse(done.arguments), { city: "Paris" });
});

Deno.test("openai: responses.stream() gathers a call", async () => {
  const response = await client.responses.stream(askWeather).finalResponse();
  assert.deepEqual(JSON.parse(onlyCall(response).arguments), { city: "Paris" });
});

Deno.test("openai: a function's output closes the loop without a store", async () => {
  const call = onlyCall(await client.responses.create({ ...askWeather, store: false }));
  const response = await client.responses.create({
    ...askWeather,
    store: false,
    input: [
      { role: "user", content: WEATHER_QUESTION },
      call,
      {
        type: "function_call_output",
        call_id: call.call_id,
        output: '{"weather": "sunny", "degrees": 21}',
      },
    ],
  });
  assert.equal(response.output.at(-1)!.type, "message");
  assert.ok(response.output_text.length > 0);
});

Deno.test("openai: tool_choice and allowed_tools decide which function is called", async () => {
  const time: OpenAI.Responses.FunctionTool = {
    type: "function",
    name: "get_time",
    parameters: { type: "object", properties: {} },
    strict: false,
  };
  const choices: OpenAI.Responses.ResponseCreateParams["tool_choice"][] = [
    { type: "function", name: "get_time" },
    {
      type: "allowed_tools",
      mode: "required",
      tools: [{ type: "function", name: "get_time" }],
    },
  ];
  for (const tool_choice of choices) {
    const { output, tool_choice: echo } = await client.responses.create({
      ...askWeather,
      tools: [weather, time],
      tool_choice: tool_choice!,
      parallel_tool_calls: false,
    });
    const calls = output.filter((item) => item.type === "function_call");
    assert.deepEqual(calls.map(({ name }) => name), ["get_time"]);
    assert.deepEqual(echo, tool_choice);
  }
});

Deno.test("openai: responses.parse() returns what the schema describes", async () => {
  const Thing = z.object({ kind: z.enum(["city", "river"]), is_large: z.boolean() });
  for (let i = 0; i < 3; i++) {
    const { output_parsed } = await client.responses.parse({
      model: MODEL,
      input: "What is Paris?",
      text: { format: zodTextFormat(Thing, "thing") },
      temperature: 1,
      store: false,
    });
    Thing.parse(output_parsed);
  }
});

Deno.test("openai: responses.create() includes log-probabilities when asked", async () => {
  const { logprobs } = onlyText(
    await client.responses.create({
      ...ask,
      include: ["message.output_text.logprobs"],
      top_logprobs: 2,
    }),
  );
  assert.ok(logprobs!.length > 0);
  assert.ok(logprobs!.every(({ top_logprobs }) => top_logprobs.length === 2));
});

Deno.test("openai: responses.inputTokens.count() counts what create() reads", async () => {
  const { instructions, input } = ask;
  const counted = await client.responses.inputTokens.count({ model: MODEL, instructions, input });
  const { usage } = await client.responses.create(ask);
  assert.equal(counted.object, "response.input_tokens");
  assert.equal(counted.input_tokens, usage!.input_tokens);
});

async function collect(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
