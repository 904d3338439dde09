/**
 * OpenAI's Node client: chat completions and models.
 *
 * @module
 */
import assert from "node:assert/strict";
import type OpenAI from "openai";
import { BASE_URL, createClient, MODEL } from "./target.ts";

const client = createClient();
const ask = {
  model: MODEL,
  messages: [{ role: "user", content: "List three planets" }],
  temperature: 0,
  max_tokens: 40,
} satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;

Deno.test("openai: chat.completions.create() returns text and usage", async () => {
  const { choices, usage } = await client.chat.completions.create(ask);
  assert.equal(choices[0]!.message.role, "assistant");
  assert.ok(choices[0]!.message.content!.length > 0);
  assert.ok(["stop", "length"].includes(choices[0]!.finish_reason));
  assert.ok(usage!.prompt_tokens > 0);
  assert.equal(usage!.total_tokens, usage!.prompt_tokens + usage!.completion_tokens);
});

Deno.test("openai: chat.completions.create() streams the same text, then the usage", async () => {
  const stream = await client.chat.completions.create({
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage;
  }
  assert.equal(text, await createText());
  assert.ok(usage!.completion_tokens > 0);
});

Deno.test("openai: chat.completions.stream() gathers the same message", async () => {
  const runner = client.chat.completions.stream(ask);
  let text = "";
  runner.on("content", (delta) => text += delta);
  const { choices: [choice] } = await runner.finalChatCompletion();
  assert.equal(choice!.message.content, await createText());
  assert.equal(choice!.message.role, "assistant");
  assert.equal(text, choice!.message.content);
});

Deno.test("openai: chat.completions.create() returns n choices and log-probabilities", async () => {
  const { choices } = await client.chat.completions.create({
    ...ask,
    n: 2,
    logprobs: true,
    top_logprobs: 3,
  });
  const text = await createText();
  assert.deepEqual(choices.map((choice) => choice.message.content), [text, text]);
  const tokens = choices[0]!.logprobs!.content!;
  const bytes = tokens.flatMap((token) => token.bytes ?? []);
  assert.ok(new TextDecoder().decode(new Uint8Array(bytes)).startsWith(text));
  assert.ok(tokens.every((token) => token.top_logprobs.length === 3 && token.logprob <= 0));
});

Deno.test("openai: chat.completions.create() stops before a stop string", async () => {
  const text = await createText();
  const stop = text.slice(2, 6);
  const { choices } = await client.chat.completions.create({ ...ask, stop });
  assert.equal(choices[0]!.message.content, text.slice(0, text.indexOf(stop)));
  assert.equal(choices[0]!.finish_reason, "stop");
});

Deno.test("openai: chat.completions.create() reports a spent budget as length", async () => {
  const { choices, usage } = await client.chat.completions.create({
    ...ask,
    max_completion_tokens: 1,
    max_tokens: null,
  });
  assert.equal(choices[0]!.finish_reason, "length");
  assert.equal(usage!.completion_tokens, 1);
});

Deno.test("openai: chat.completions.create() repeats a seeded sample", async () => {
  const sample = { ...ask, temperature: 1, seed: 11 };
  const first = await client.chat.completions.create(sample);
  const second = await client.chat.completions.create(sample);
  assert.equal(first.choices[0]!.message.content, second.choices[0]!.message.content);
});

Deno.test("openai: chat.completions.create() takes developer, parts and an earlier reply", async () => {
  const { choices } = await client.chat.completions.create({
    ...ask,
    messages: [
      { role: "developer", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Hello" }] },
      { role: "assistant", content: "Hello!" },
      { role: "user", content: [{ type: "text", text: "List" }, { type: "text", text: "colors" }] },
    ],
  });
  assert.ok(choices[0]!.message.content!.length > 0);
});

Deno.test("openai: models.list() and models.retrieve() show the model", async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  assert.ok(ids.includes(MODEL));
  const model = await client.models.retrieve(MODEL);
  assert.equal(model.id, MODEL);
  assert.equal(model.object, "model");
});

Deno.test("openai: leaving a stream frees its blocks", async () => {
  const before = await readStats();
  const stream = await client.chat.completions.create({ ...ask, max_tokens: 200, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  for (let i = 0; i < 50 && (await readStats()).num_running > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const after = await readStats();
  assert.equal(after.num_running, 0);
  assert.equal(after.num_free_blocks, before.num_free_blocks);
});

async function createText(): Promise<string> {
  const { choices } = await client.chat.completions.create(ask);
  return choices[0]!.message.content!;
}

interface Counters {
  num_running: number;
  num_free_blocks: number;
}

async function readStats(): Promise<Counters> {
  const { models } = await (await fetch(`${BASE_URL}/ollm/stats`)).json();
  return models[0];
}
