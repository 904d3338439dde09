/**
 * The AI SDK: its OpenAI provider, which speaks Responses unless told otherwise, and the provider for compatible servers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  generateObject,
  generateText,
  isStepCount,
  type LanguageModel,
  type ModelMessage,
  Output,
  streamText,
  tool,
} from "ai";
import { z } from "zod";
import { API_KEY, BASE_URL, MODEL, STORELESS_URL, WEATHER_QUESTION } from "./target.ts";

const openai = createOpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const compatible = createOpenAICompatible({
  name: "ollm",
  baseURL: BASE_URL,
  apiKey: API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});

// The tests look at each reply's own warnings; the rest is that `generateObject` will be renamed.
globalThis.AI_SDK_LOG_WARNINGS = false;

/** Each way in which the SDK talks to a server. */
const PATHS: [string, LanguageModel][] = [
  ["@ai-sdk/openai", openai(MODEL)],
  ["@ai-sdk/openai chat", openai.chat(MODEL)],
  ["@ai-sdk/openai-compatible", compatible(MODEL)],
];
if (STORELESS_URL !== "") {
  const storeless = createOpenAI({ baseURL: STORELESS_URL, apiKey: API_KEY });
  PATHS.push(["@ai-sdk/openai without a store", storeless(MODEL)]);
}

const Thing = z.object({ kind: z.enum(["city", "river"]), is_large: z.boolean() });
const settings = { temperature: 0, maxRetries: 0 };

for (const [name, model] of PATHS) {
  Deno.test(`${name}: generateText() and streamText() say the same`, async () => {
    const ask = { ...settings, model, prompt: "List three planets" };
    const { text, usage, finishReason, warnings } = await generateText(ask);
    assert.ok(text.length > 0);
    assert.equal(finishReason, "stop");
    assert.equal(usage.totalTokens, usage.inputTokens! + usage.outputTokens!);
    assert.deepEqual(warnings ?? [], []);
    const stream = streamText({ ...ask, onError: fail });
    let streamed = "";
    for await (const delta of stream.textStream) streamed += delta;
    assert.equal(streamed, text);
    assert.equal(await stream.finishReason, "stop");
    assert.equal((await stream.usage).outputTokens, usage.outputTokens);
  });

  Deno.test(`${name}: a chat of two turns`, async () => {
    const messages: ModelMessage[] = [{ role: "user", content: "My name is Anna." }];
    const first = await generateText({ ...settings, model, messages });
    messages.push(...first.response.messages, { role: "user", content: "What is my name?" });
    const second = await generateText({ ...settings, model, messages });
    assert.ok(second.text.length > 0);
    assert.ok(second.usage.inputTokens! > first.usage.inputTokens!);
  });

  for (const [verb, run] of [["generateText", runOnce], ["streamText", runStream]] as const) {
    Deno.test(`${name}: ${verb}() calls a function and goes on with its result`, async () => {
      const { asked, text, finishReason } = await run(model);
      assert.deepEqual(asked, ["Paris"]);
      assert.ok(text.length > 0);
      assert.equal(finishReason, "stop");
    });
  }

  Deno.test(`${name}: a forced call satisfies its schema at temperature 1`, async () => {
    const { toolCalls } = await generateText({
      ...settings,
      model,
      temperature: 1,
      prompt: "Hello",
      tools: { classify: tool({ inputSchema: Thing }) },
      toolChoice: { type: "tool", toolName: "classify" },
    });
    assert.equal(toolCalls.length, 1);
    Thing.parse(toolCalls[0]!.input);
  });

  Deno.test(`${name}: generateObject() returns what the schema describes`, async () => {
    const prompt = "What is Paris?";
    Thing.parse((await generateObject({ ...settings, model, schema: Thing, prompt })).object);
  });

  Deno.test(`${name}: streamText() builds the object that the schema describes`, async () => {
    const stream = streamText({
      ...settings,
      model,
      prompt: "What is Paris?",
      temperature: 1,
      output: Output.object({ schema: Thing }),
      onError: fail,
    });
    let last: unknown;
    for await (last of stream.partialOutputStream);
    assert.deepEqual(last, Thing.parse(await stream.output));
  });

  Deno.test(`${name}: an unknown model is an APICallError with status 404`, async () => {
    if (typeof model === "string") throw new TypeError("expected a model, not its name");
    const unknown = { ...model, modelId: "nope" };
    Object.setPrototypeOf(unknown, Object.getPrototypeOf(model));
    await assert.rejects(
      () => generateText({ ...settings, model: unknown, prompt: "Hello" }),
      (error) => APICallError.isInstance(error) && error.statusCode === 404,
    );
  });
}

Deno.test("@ai-sdk/openai: store: false carries a conversation with a call by itself", async () => {
  const model = openai(MODEL);
  const providerOptions = { openai: { store: false } };
  const { asked, text } = await runOnce(model, providerOptions);
  assert.deepEqual(asked, ["Paris"]);
  assert.ok(text.length > 0);
});

type ProviderOptions = NonNullable<Parameters<typeof generateText>[0]["providerOptions"]>;

/** What the loop asks and offers; the cities that the model asked for land in `asked`. */
function createLoop(model: LanguageModel, asked: string[]) {
  return {
    ...settings,
    model,
    prompt: WEATHER_QUESTION,
    stopWhen: isStepCount(3),
    tools: {
      get_weather: tool({
        description: "Look up current weather",
        inputSchema: z.object({ city: z.string() }),
        execute: ({ city }) => {
          asked.push(city);
          return { weather: "sunny", degrees: 21 };
        },
      }),
    },
  };
}

async function runOnce(model: LanguageModel, providerOptions: ProviderOptions = {}) {
  const asked: string[] = [];
  const { text, finishReason } = await generateText({
    ...createLoop(model, asked),
    providerOptions,
  });
  return { asked, text, finishReason };
}

async function runStream(model: LanguageModel) {
  const asked: string[] = [];
  const stream = streamText({ ...createLoop(model, asked), onError: fail });
  return { asked, text: await stream.text, finishReason: await stream.finishReason };
}

function fail({ error }: { error: unknown }): never {
  throw error;
}
