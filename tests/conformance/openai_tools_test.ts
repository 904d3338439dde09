/**
 * OpenAI's Node client: functions and structured output on chat completions.
 *
 * @module
 */
import assert from "node:assert/strict";
import type OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { createClient, MODEL, WEATHER_PARAMETERS, WEATHER_QUESTION } from "./target.ts";

const client = createClient();
const weather: OpenAI.ChatCompletionFunctionTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Look up current weather",
    parameters: WEATHER_PARAMETERS,
  },
};
const time: OpenAI.ChatCompletionFunctionTool = {
  type: "function",
  function: { name: "get_time", parameters: { type: "object", properties: {} } },
};
const ask = {
  model: MODEL,
  messages: [{ role: "user", content: WEATHER_QUESTION }],
  tools: [weather],
  temperature: 0,
} satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;

Deno.test("openai: chat.completions.create() calls the function that answers", async () => {
  const { choices: [choice] } = await client.chat.completions.create(ask);
  assert.equal(choice!.finish_reason, "tool_calls");
  const [call] = callsOf(choice!.message);
  assert.deepEqual(JSON.parse(call!.function.arguments), { city: "Paris" });
  assert.equal(call!.function.name, "get_weather");
});

Deno.test("openai: chat.completions.stream() gathers the same call from its deltas", async () => {
  const runner = client.chat.completions.stream(ask);
  let pieces = "";
  runner.on("tool_calls.function.arguments.delta", (event) => pieces += event.arguments_delta);
  const { choices: [choice] } = await runner.finalChatCompletion();
  assert.equal(choice!.finish_reason, "tool_calls");
  const [call] = callsOf(choice!.message);
  assert.deepEqual(JSON.parse(call!.function.arguments), { city: "Paris" });
  assert.equal(pieces, call!.function.arguments);
});

Deno.test("openai: tool messages close the loop", async () => {
  const { choices: [first] } = await client.chat.completions.create(ask);
  const [call] = callsOf(first!.message);
  const { choices: [second] } = await client.chat.completions.create({
    ...ask,
    messages: [
      ...ask.messages,
      first!.message,
      { role: "tool", tool_call_id: call!.id, content: '{"weather": "sunny", "degrees": 21}' },
    ],
  });
  assert.equal(second!.finish_reason, "stop");
  assert.ok(second!.message.content!.length > 0);
});

Deno.test("openai: chat.completions.runTools() runs the function and ends with an answer", async () => {
  const asked: string[] = [];
  const runner = client.chat.completions.runTools({
    ...ask,
    tools: [zodFunction({
      name: "get_weather",
      parameters: z.object({ city: z.string() }),
      description: "Look up current weather",
      function: ({ city }) => {
        asked.push(city);
        return { weather: "sunny", degrees: 21 };
      },
    })],
  });
  const text = await runner.finalContent();
  assert.deepEqual(asked, ["Paris"]);
  assert.ok(text!.length > 0);
});

Deno.test('openai: tool_choice "none" leaves a text', async () => {
  const { choices: [choice] } = await client.chat.completions.create({
    ...ask,
    tool_choice: "none",
  });
  assert.deepEqual(callsOf(choice!.message), []);
  assert.equal(typeof choice!.message.content, "string");
});

Deno.test('openai: tool_choice "required" makes a call of a question that needs none', async () => {
  const { choices: [choice] } = await client.chat.completions.create({
    ...ask,
    messages: [{ role: "user", content: "Hello" }],
    tools: [weather, time],
    tool_choice: "required",
  });
  assert.equal(choice!.finish_reason, "tool_calls");
  const [call] = callsOf(choice!.message);
  assert.ok(["get_weather", "get_time"].includes(call!.function.name));
  assert.equal(typeof JSON.parse(call!.function.arguments), "object");
});

Deno.test("openai: tool_choice names the function to call, at temperature 1 too", async () => {
  for (let seed = 0; seed < 5; seed++) {
    const { choices: [choice] } = await client.chat.completions.create({
      ...ask,
      messages: [{ role: "user", content: "Hello" }],
      tools: [time, weather],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      parallel_tool_calls: false,
      temperature: 1,
      seed,
    });
    const calls = callsOf(choice!.message);
    assert.equal(calls.length, 1);
    assert.equal(calls[0]!.function.name, "get_weather");
    const args = JSON.parse(calls[0]!.function.arguments);
    assert.deepEqual(Object.keys(args), ["city"]);
    assert.equal(typeof args.city, "string");
  }
});

Deno.test("openai: chat.completions.parse() returns what the schema describes", async () => {
  const Thing = z.object({
    kind: z.enum(["city", "river", "planet"]),
    is_large: z.boolean(),
    colors: z.array(z.enum(["red", "green", "blue"])).max(3),
  });
  for (let seed = 0; seed < 3; seed++) {
    const { choices: [choice] } = await client.chat.completions.parse({
      model: MODEL,
      messages: [{ role: "user", content: "What is Paris?" }],
      response_format: zodResponseFormat(Thing, "thing"),
      temperature: 1,
      seed,
    });
    assert.equal(choice!.finish_reason, "stop");
    Thing.parse(choice!.message.parsed);
  }
});

Deno.test("openai: chat.completions.stream() parses the object at its end", async () => {
  const Sum = z.object({ sum: z.number() });
  const { choices: [choice] } = await client.chat.completions.stream({
    model: MODEL,
    messages: [{ role: "user", content: "What is 2 plus 3?" }],
    response_format: zodResponseFormat(Sum, "sum"),
    temperature: 0,
  }).finalChatCompletion();
  Sum.parse(choice!.message.parsed);
});

Deno.test("openai: response_format json_object returns an object", async () => {
  const { choices: [choice] } = await client.chat.completions.create({
    model: MODEL,
    messages: [{ role: "user", content: "Tell me about Paris in JSON" }],
    response_format: { type: "json_object" },
    temperature: 0,
    max_tokens: 200,
  });
  if (choice!.finish_reason === "length") assert.ok(choice!.message.content!.startsWith("{"));
  else assert.equal(typeof JSON.parse(choice!.message.content!), "object");
});

function callsOf({ tool_calls: calls = [] }: OpenAI.ChatCompletionMessage) {
  return calls.filter((call) => call.type === "function");
}
