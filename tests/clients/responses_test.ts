/**
 * OpenAI's own Node client, unmodified, on the Responses API of the real server with the embedded model.
 *
 * @module
 */
import assert from "node:assert/strict";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { startServer } from "./server_process.ts";

type Item = OpenAI.Responses.ResponseInputItem;

const PLANETS = { model: "ollm-tiny", input: "List three planets", temperature: 0 };

const WEATHER = {
  model: "ollm-tiny",
  input: "What is the weather in Paris?",
  temperature: 0,
  tools: [{
    type: "function" as const,
    name: "get_weather",
    description: "Weather of a city",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  }],
};

/** The one call of a response to the forced weather question. */
function weatherCall(response: OpenAI.Responses.Response) {
  const [call] = response.output.filter((item) => item.type === "function_call");
  assert.ok(call);
  assert.equal(call.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ["city"]);
  return call;
}

function sunnyIn(callId: string): Item {
  return { type: "function_call_output", call_id: callId, output: "sunny" };
}

Deno.test("openai-node uses the Responses API without a store", async (t) => {
  await using server = await startServer();
  const client = new OpenAI({ baseURL: server.baseUrl, apiKey: "none", maxRetries: 0 });
  let text = "";

  await t.step("responses.create() returns text and usage", async () => {
    const response = await client.responses.create(PLANETS);
    text = response.output_text;
    assert.ok(text.length > 0);
    assert.equal(response.status, "completed");
    const { input_tokens, output_tokens, total_tokens } = response.usage!;
    assert.equal(total_tokens, input_tokens + output_tokens);
  });

  await t.step("responses.stream() gathers the same response", async () => {
    const stream = client.responses.stream(PLANETS);
    let streamed = "";
    stream.on("response.output_text.delta", ({ delta, snapshot }) => {
      streamed += delta;
      assert.equal(snapshot, streamed);
    });
    const response = await stream.finalResponse();
    assert.equal(streamed, text);
    assert.equal(response.output_text, text);
  });

  await t.step("responses.create() is incomplete when the budget ends it", async () => {
    const response = await client.responses.create({ ...PLANETS, max_output_tokens: 1 });
    assert.equal(response.status, "incomplete");
    assert.deepEqual(response.incomplete_details, { reason: "max_output_tokens" });
  });

  await t.step("responses.create() returns an answer that fits its schema", async () => {
    const response = await client.responses.create({
      ...PLANETS,
      text: {
        format: {
          type: "json_schema",
          name: "planet",
          schema: {
            type: "object",
            properties: { planet: { enum: ["Mercury", "Venus", "Earth"] } },
            required: ["planet"],
            additionalProperties: false,
          },
        },
      },
    });
    assert.match(response.output_text, /^\{\s*"planet":\s*"(?:Mercury|Venus|Earth)"\s*\}$/);
  });

  await t.step("the tool loop closes by sending everything again", async () => {
    const first = await client.responses.create({ ...WEATHER, tool_choice: "required" });
    const call = weatherCall(first);
    const input: Item[] = [
      { role: "user", content: WEATHER.input },
      ...first.output as Item[],
      sunnyIn(call.call_id),
    ];
    const second = await client.responses.create({ ...WEATHER, input, tool_choice: "none" });
    assert.ok(second.output_text.length > 0);
    const byReference: Item[] = [
      { role: "user", content: WEATHER.input },
      { type: "item_reference", id: call.id! },
      sunnyIn(call.call_id),
    ];
    const third = await client.responses.create({
      ...WEATHER,
      input: byReference,
      tool_choice: "none",
    });
    assert.equal(third.output_text, second.output_text);
  });

  await t.step("responses.stream() gathers a function call", async () => {
    const stream = client.responses.stream({ ...WEATHER, tool_choice: "required" });
    const response = await stream.finalResponse();
    weatherCall(response);
  });

  await t.step("responses.inputTokens.count() counts the prompt", async () => {
    const { usage } = await client.responses.create(PLANETS);
    const { model, input } = PLANETS;
    const count = await client.responses.inputTokens.count({ model, input });
    assert.equal(count.input_tokens, usage!.input_tokens);
  });

  await t.step("an unknown previous response is a BadRequestError with its code", async () => {
    const create = client.responses.create({ ...PLANETS, previous_response_id: "resp_0" });
    await assert.rejects(() => create, (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.code, "previous_response_not_found");
      return true;
    });
  });
});

Deno.test("openai-node uses the Responses API with a store", async (t) => {
  await using server = await startServer(["--response-store-backend", "memory"]);
  const client = new OpenAI({ baseURL: server.baseUrl, apiKey: "none", maxRetries: 0 });

  await t.step("responses.retrieve() and delete() find what was created", async () => {
    const created = await client.responses.create(PLANETS);
    const retrieved = await client.responses.retrieve(created.id);
    assert.deepEqual(retrieved.output, created.output);
    await client.responses.delete(created.id);
    await assert.rejects(() => client.responses.retrieve(created.id), NotFoundError);
  });

  await t.step("the tool loop closes by previous_response_id", async () => {
    const first = await client.responses.create({ ...WEATHER, tool_choice: "required" });
    const second = await client.responses.create({
      ...WEATHER,
      input: [sunnyIn(weatherCall(first).call_id)],
      previous_response_id: first.id,
      tool_choice: "none",
    });
    assert.ok(second.output_text.length > 0);
    const types: string[] = [];
    for await (const item of client.responses.inputItems.list(second.id, { order: "asc" })) {
      types.push(item.type);
    }
    assert.deepEqual(types, ["message", "function_call", "function_call_output"]);
  });

  await t.step("a background response is polled, streamed again and resumed", async () => {
    const queued = await client.responses.create({ ...PLANETS, background: true });
    let response = queued;
    while (response.status === "queued" || response.status === "in_progress") {
      await new Promise((resolve) => setTimeout(resolve, 20));
      response = await client.responses.retrieve(queued.id);
    }
    assert.equal(response.status, "completed");
    const again = client.responses.stream({ response_id: queued.id, starting_after: 3 });
    const numbers: number[] = [];
    again.on("event", ({ sequence_number }) => numbers.push(sequence_number));
    assert.equal((await again.finalResponse()).output_text, response.output_text);
    assert.equal(numbers[0], 4);
    assert.equal((await client.responses.cancel(queued.id)).status, "completed");
  });

  await t.step("a conversation grows by what is asked and answered", async () => {
    const conversation = await client.conversations.create();
    await client.responses.create({ ...PLANETS, conversation: conversation.id });
    const roles: unknown[] = [];
    for await (const item of client.conversations.items.list(conversation.id, { limit: 1 })) {
      roles.push("role" in item && item.role);
    }
    assert.deepEqual(roles, ["assistant", "user"]);
    assert.equal((await client.conversations.delete(conversation.id)).deleted, true);
  });
});
