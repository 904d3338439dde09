/**
 * LangChain's OpenAI integration, on chat completions and on Responses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type AIMessageChunk, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { API_KEY, BASE_URL, MODEL, WEATHER_QUESTION } from "./target.ts";

const Thing = z.object({ kind: z.enum(["city", "river"]), is_large: z.boolean() });
/** The library's own type of it is lost in its generics. */
const Usage = z.object({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() });
const getWeather = tool(() => '{"weather": "sunny", "degrees": 21}', {
  name: "get_weather",
  description: "Look up current weather",
  schema: z.object({ city: z.string() }),
});

for (const useResponsesApi of [false, true]) {
  const name = `@langchain/openai ${useResponsesApi ? "responses" : "chat"}`;
  const model = new ChatOpenAI({
    model: MODEL,
    apiKey: API_KEY,
    configuration: { baseURL: BASE_URL },
    temperature: 0,
    maxRetries: 0,
    useResponsesApi,
  });

  Deno.test(`${name}: invoke() and stream() say the same, with usage`, async () => {
    const { text, usage_metadata } = await model.invoke("List three planets");
    assert.ok(text.length > 0);
    const usage = Usage.parse(usage_metadata);
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    const streamed = await gather(await model.stream("List three planets"));
    assert.equal(streamed.text, text);
    assert.equal(Usage.parse(streamed.usage_metadata).output_tokens, usage.output_tokens);
  });

  Deno.test(`${name}: batch() answers several prompts`, async () => {
    const replies = await model.batch(["Hello", "What is 2 plus 3?", "List colors"]);
    assert.ok(replies.every(({ text }) => text.length > 0));
  });

  Deno.test(`${name}: a call and its result close the loop`, async () => {
    const withTools = model.bindTools([getWeather]);
    const question = new HumanMessage(WEATHER_QUESTION);
    const call = await withTools.invoke([question]);
    assert.deepEqual(call.tool_calls!.map(({ name, args }) => ({ name, args })), [
      { name: "get_weather", args: { city: "Paris" } },
    ]);
    const result = await getWeather.invoke({ ...call.tool_calls![0]!, type: "tool_call" });
    assert.ok(result instanceof ToolMessage);
    const { text } = await withTools.invoke([question, call, result]);
    assert.ok(text.length > 0);
  });

  Deno.test(`${name}: stream() gathers a call from its pieces`, async () => {
    const { tool_calls } = await gather(
      await model.bindTools([getWeather]).stream(WEATHER_QUESTION),
    );
    assert.deepEqual(tool_calls!.map(({ args }) => args), [{ city: "Paris" }]);
  });

  for (const method of ["jsonSchema", "functionCalling"] as const) {
    Deno.test(`${name}: withStructuredOutput() returns what the schema describes, ${method}`, async () => {
      const structured = model.withStructuredOutput(Thing, { name: "thing", method });
      Thing.parse(await structured.invoke("What is Paris?"));
    });
  }
}

async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | undefined;
  for await (const chunk of stream) whole = whole?.concat(chunk) ?? chunk;
  return whole!;
}
