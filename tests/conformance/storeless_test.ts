/**
 * OpenAI's Node client against a server that keeps no responses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BadRequestError, InternalServerError } from "openai";
import { createClient, MODEL, onlyCall, STORELESS_URL } from "./target.ts";
import { WEATHER_PARAMETERS, WEATHER_QUESTION } from "./target.ts";

const client = createClient(STORELESS_URL);
const ask = { model: MODEL, input: "List three planets", temperature: 0 };
const tools = [{
  type: "function" as const,
  name: "get_weather",
  description: "Look up current weather",
  parameters: WEATHER_PARAMETERS,
  strict: true,
}];

Deno.test("openai: without a store, retrieve() and delete() say that it is off", async () => {
  const { id } = await client.responses.create(ask);
  for (const call of [() => client.responses.retrieve(id), () => client.responses.delete(id)]) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof InternalServerError);
      assert.equal(error.status, 501);
      assert.equal(error.code, "responses_storage_disabled");
      return true;
    });
  }
});

Deno.test("openai: without a store, previous_response_id is a BadRequestError", async () => {
  const { id } = await client.responses.create(ask);
  await assert.rejects(
    () => client.responses.create({ ...ask, previous_response_id: id }),
    (error) => error instanceof BadRequestError && error.param === "previous_response_id",
  );
});

Deno.test("openai: without a store, a background response is a BadRequestError", async () => {
  await assert.rejects(
    () => client.responses.create({ ...ask, background: true }),
    (error) => error instanceof BadRequestError && error.param === "background",
  );
});

Deno.test("openai: without a store, the loop closes with the call sent back", async () => {
  const question = { role: "user" as const, content: WEATHER_QUESTION };
  const call = onlyCall(await client.responses.create({ ...ask, tools, input: [question] }));
  assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
  const result = {
    type: "function_call_output" as const,
    call_id: call.call_id,
    output: '{"weather": "sunny", "degrees": 21}',
  };
  for (const earlier of [call, { type: "item_reference" as const, id: call.id! }]) {
    const response = await client.responses.create({
      ...ask,
      tools,
      input: [question, earlier, result],
    });
    assert.equal(response.output.at(-1)!.type, "message");
    assert.ok(response.output_text.length > 0);
  }
});
