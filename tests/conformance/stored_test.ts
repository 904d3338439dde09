/**
 * Clients against a server that keeps responses: what is found again, continued, followed and deleted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import type OpenAI from "openai";
import { NotFoundError } from "openai";
import { API_KEY, BASE_URL, createClient, MODEL, onlyCall } from "./target.ts";
import { WEATHER_PARAMETERS, WEATHER_QUESTION } from "./target.ts";

const client = createClient();
const ask = { model: MODEL, input: "List three planets", temperature: 0 };
const askWeather = {
  ...ask,
  input: WEATHER_QUESTION,
  tools: [{
    type: "function" as const,
    name: "get_weather",
    description: "Look up current weather",
    parameters: WEATHER_PARAMETERS,
    strict: true,
  }],
};

Deno.test("openai: responses.retrieve() returns what create() returned", async () => {
  const created = await client.responses.create({ ...ask, metadata: { topic: "planets" } });
  const found = await client.responses.retrieve(created.id);
  assert.deepEqual(withoutRequestId(found), withoutRequestId(created));
});

Deno.test("openai: responses.retrieve() finds what was streamed", async () => {
  const streamed = await client.responses.stream(ask).finalResponse();
  const found = await client.responses.retrieve(streamed.id);
  assert.equal(found.output_text, streamed.output_text);
  assert.deepEqual(found.usage, streamed.usage);
});

Deno.test("openai: responses.delete() makes retrieve() a NotFoundError", async () => {
  const { id } = await client.responses.create(ask);
  await client.responses.delete(id);
  await assert.rejects(() => client.responses.retrieve(id), NotFoundError);
  await assert.rejects(() => client.responses.delete(id), NotFoundError);
});

Deno.test("openai: store: false keeps nothing", async () => {
  const { id } = await client.responses.create({ ...ask, store: false });
  await assert.rejects(() => client.responses.retrieve(id), NotFoundError);
});

Deno.test("openai: previous_response_id continues, also after its response is deleted", async () => {
  const first = await client.responses.create({ ...ask, input: "My name is Anna." });
  const second = await client.responses.create({
    ...ask,
    input: "Hello",
    previous_response_id: first.id,
  });
  assert.equal(second.previous_response_id, first.id);
  assert.ok(second.usage!.input_tokens > first.usage!.input_tokens);
  await client.responses.delete(first.id);
  const third = await client.responses.create({ ...ask, previous_response_id: second.id });
  assert.ok(third.usage!.input_tokens > second.usage!.input_tokens);
});

Deno.test("openai: an unknown previous_response_id is refused with its param", async () => {
  const previous_response_id = `resp_${"0".repeat(32)}`;
  await assert.rejects(
    () => client.responses.create({ ...ask, previous_response_id }),
    { code: "previous_response_not_found", param: "previous_response_id" },
  );
});

Deno.test("openai: a function's output closes the loop with previous_response_id", async () => {
  const first = await client.responses.create(askWeather);
  const call = onlyCall(first);
  assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
  const second = await client.responses.create({
    ...askWeather,
    previous_response_id: first.id,
    input: [{
      type: "function_call_output",
      call_id: call.call_id,
      output: '{"weather": "sunny", "degrees": 21}',
    }],
  });
  assert.equal(second.output.at(-1)!.type, "message");
  assert.ok(second.output_text.length > 0);
});

Deno.test("openai: responses.inputItems.list() pages through what the model read", async () => {
  const { id } = await client.responses.create({
    ...ask,
    input: [{ role: "user", content: "One" }, { role: "user", content: "Two" }],
  });
  const items: OpenAI.Responses.ResponseItem[] = [];
  for await (const item of client.responses.inputItems.list(id, { limit: 1, order: "asc" })) {
    items.push(item);
  }
  const texts = items.map((item) =>
    item.type === "message" && item.content[0]!.type === "input_text" ? item.content[0]!.text : null
  );
  assert.deepEqual(texts, ["One", "Two"]);
});

Deno.test("openai: a response in the background is polled until it has ended", async () => {
  const queued = await client.responses.create({ ...ask, background: true });
  assert.ok(["queued", "in_progress"].includes(queued.status!));
  const ended = await waitForEnd(queued.id);
  assert.equal(ended.status, "completed");
  assert.ok(ended.output_text.length > 0);
});

Deno.test("openai: a response in the background can be cancelled", async () => {
  const { id } = await client.responses.create({
    ...ask,
    background: true,
    temperature: 1,
    text: { format: { type: "json_object" } },
  });
  const cancelled = await client.responses.cancel(id);
  assert.ok(["cancelled", "completed"].includes(cancelled.status!));
  assert.equal((await client.responses.retrieve(id)).status, cancelled.status);
});

Deno.test("openai: a stream in the background is resumed after the event that was seen last", async () => {
  const stream = await client.responses.create({ ...ask, background: true, stream: true });
  const seen: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of stream) {
    seen.push(event);
    if (seen.length === 4) break;
  }
  const [created] = seen;
  assert.ok(created!.type === "response.created");
  const { id } = created.response;
  const rest = await client.responses.retrieve(id, { stream: true, starting_after: 3 });
  const numbers: number[] = [];
  let last: OpenAI.Responses.ResponseStreamEvent | undefined;
  for await (last of rest) numbers.push(last.sequence_number);
  assert.deepEqual(numbers, numbers.map((_, i) => 4 + i));
  assert.equal(last!.type, "response.completed");
  const again = client.responses.stream({ response_id: id, starting_after: 3 });
  const found = await client.responses.retrieve(id);
  assert.equal((await again.finalResponse()).output_text, found.output_text);
  assert.equal((await client.responses.cancel(id)).status, "completed");
});

Deno.test("openai: a conversation grows by each response", async () => {
  const { id } = await client.conversations.create({
    items: [{ type: "message", role: "user", content: "My name is Anna." }],
    metadata: { topic: "names" },
  });
  await client.responses.create({ ...ask, conversation: id });
  await client.responses.create({ ...ask, input: "And one more", conversation: { id } });
  const roles: string[] = [];
  for await (const item of client.conversations.items.list(id, { order: "asc" })) {
    if (item.type === "message") roles.push(item.role);
  }
  assert.deepEqual(roles, ["user", "user", "assistant", "user", "assistant"]);
  assert.equal((await client.conversations.delete(id)).deleted, true);
  await assert.rejects(() => client.conversations.retrieve(id), NotFoundError);
});

Deno.test("@ai-sdk/openai: previousResponseId continues a stored response", async () => {
  const model = createOpenAI({ baseURL: BASE_URL, apiKey: API_KEY })(MODEL);
  const settings = { model, temperature: 0, maxRetries: 0 };
  const first = await generateText({ ...settings, prompt: "My name is Anna." });
  const { responseId } = first.providerMetadata!.openai!;
  assert.ok(typeof responseId === "string");
  const second = await generateText({
    ...settings,
    prompt: "Hello",
    providerOptions: { openai: { previousResponseId: responseId } },
  });
  assert.ok(second.usage.inputTokens! > first.usage.inputTokens!);
});

async function waitForEnd(id: string): Promise<OpenAI.Responses.Response> {
  for (let i = 0; i < 500; i++) {
    const response = await client.responses.retrieve(id);
    if (!["queued", "in_progress"].includes(response.status!)) return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${id} did not end within 10 s`);
}

/** The client adds the id of each request to what it returns. */
function withoutRequestId(response: OpenAI.Responses.Response) {
  return { ...response, _request_id: null };
}
