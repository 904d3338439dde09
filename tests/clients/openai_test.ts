/**
 * OpenAI's own Node client, unmodified, against the real server with the embedded model.
 *
 * @module
 */
import assert from "node:assert/strict";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { startServer } from "./server_process.ts";

const PLANETS: OpenAI.ChatCompletionMessageParam[] = [
  { role: "user", content: "List three planets" },
];

Deno.test("openai-node talks to the server", async (t) => {
  await using server = await startServer();
  const client = new OpenAI({ baseURL: server.baseUrl, apiKey: "none", maxRetries: 0 });
  const request = { model: "ollm-tiny", messages: PLANETS, temperature: 0, max_tokens: 40 };
  let text = "";

  await t.step("chat.completions.create() returns text and usage", async () => {
    const reply = await client.chat.completions.create(request);
    text = reply.choices[0]!.message.content!;
    assert.ok(text.length > 0);
    assert.ok(["stop", "length"].includes(reply.choices[0]!.finish_reason));
    assert.ok(reply.usage!.prompt_tokens > 0);
    assert.equal(
      reply.usage!.total_tokens,
      reply.usage!.prompt_tokens + reply.usage!.completion_tokens,
    );
  });

  await t.step("chat.completions.create() streams the same text, then the usage", async () => {
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let streamed = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage;
    }
    assert.equal(streamed, text);
    assert.ok(usage!.completion_tokens > 0);
  });

  await t.step("chat.completions.stream() gathers the same message", async () => {
    const reply = await client.chat.completions.stream(request).finalChatCompletion();
    assert.equal(reply.choices[0]!.message.content, text);
    assert.equal(reply.choices[0]!.message.role, "assistant");
  });

  await t.step("chat.completions.create() returns n choices and log-probabilities", async () => {
    const { choices } = await client.chat.completions.create({
      ...request,
      n: 2,
      logprobs: true,
      top_logprobs: 3,
    });
    assert.deepEqual(choices.map((choice) => choice.message.content), [text, text]);
    const tokens = choices[0]!.logprobs!.content!;
    const bytes = tokens.flatMap((token) => token.bytes ?? []);
    assert.ok(new TextDecoder().decode(new Uint8Array(bytes)).startsWith(text));
    assert.ok(tokens.every((token) => token.top_logprobs.length === 3 && token.logprob <= 0));
  });

  await t.step("chat.completions.create() stops before a stop string", async () => {
    const stop = text.slice(2, 6);
    const reply = await client.chat.completions.create({ ...request, stop });
    assert.equal(reply.choices[0]!.message.content, text.slice(0, text.indexOf(stop)));
    assert.equal(reply.choices[0]!.finish_reason, "stop");
  });

  await t.step("chat.completions.create() reports a spent budget as length", async () => {
    const reply = await client.chat.completions.create({ ...request, max_tokens: 1 });
    assert.equal(reply.choices[0]!.finish_reason, "length");
    assert.equal(reply.usage!.completion_tokens, 1);
  });

  await t.step("models.list() and models.retrieve() show the embedded model", async () => {
    const ids = (await client.models.list()).data.map((model) => model.id);
    assert.ok(ids.includes("ollm-tiny"));
    assert.equal((await client.models.retrieve("ollm-tiny")).id, "ollm-tiny");
  });

  await t.step("an unknown model is a NotFoundError", async () => {
    const create = client.chat.completions.create({ ...request, model: "nope" });
    await assert.rejects(() => create, (error) => {
      assert.ok(error instanceof NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.equal(error.param, "model");
      return true;
    });
  });

  await t.step("a bad value is a BadRequestError with its param", async () => {
    const create = client.chat.completions.create({ ...request, temperature: -1 });
    await assert.rejects(() => create, (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.param, "temperature");
      return true;
    });
  });

  await t.step("a prompt longer than the context is a BadRequestError", async () => {
    const content = "planet ".repeat(20_000);
    const create = client.chat.completions.create({
      ...request,
      messages: [{ role: "user", content }],
    });
    await assert.rejects(() => create, (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.code, "context_length_exceeded");
      return true;
    });
  });

  await t.step("leaving a stream frees its blocks", async () => {
    const before = await readStats(server.baseUrl);
    const stream = await client.chat.completions.create({
      ...request,
      messages: [{ role: "user", content: "Tell me a story" }],
      max_tokens: 200,
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    for (let i = 0; i < 50 && (await readStats(server.baseUrl)).num_running > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const after = await readStats(server.baseUrl);
    assert.equal(after.num_running, 0);
    assert.equal(after.num_free_blocks, before.num_free_blocks);
  });
});

interface Counters {
  num_running: number;
  num_free_blocks: number;
}

async function readStats(baseUrl: string): Promise<Counters> {
  const { models } = await (await fetch(`${baseUrl}/ollm/stats`)).json();
  return models[0];
}
