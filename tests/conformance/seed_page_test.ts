/**
 * The example requests of the product's page, run by curl as they are written, and the shapes that it documents.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { z } from "zod";
import * as shapes from "./seed_page_shapes.ts";
import { BASE_URL, MODEL, STORELESS_URL } from "./target.ts";

const EXAMPLES = (await Deno.readTextFile(new URL("seed_page.sh", import.meta.url)))
  .split("\n\n").map((text) => text.trim()).filter((text) => text.startsWith("curl "));

const [HEALTH, MODELS, CHAT, CHAT_STREAM, RESPONSE, RESPONSE_STREAM, TOOLS, PLAN] = EXAMPLES;

Deno.test("seed page: it has eight examples", () => {
  assert.equal(EXAMPLES.length, 8);
});

Deno.test("seed page: GET /v1/health", async () => {
  await runJson(HEALTH!, shapes.Health);
});

Deno.test("seed page: GET /v1/models", async () => {
  const { data } = await runJson(MODELS!, shapes.Models);
  assert.ok(data.some(({ id }) => id === MODEL));
});

Deno.test("seed page: POST /v1/chat/completions", async () => {
  const { usage } = await runJson(CHAT!, shapes.Chat);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

Deno.test("seed page: POST /v1/chat/completions, streamed", async () => {
  const frames = await runStream(CHAT_STREAM!);
  assert.deepEqual(frames.pop(), { event: null, data: "[DONE]" });
  assert.ok(frames.every(({ event }) => event === null));
  const chunks = frames.map(({ data }) => shapes.ChatChunk.parse(JSON.parse(data)));
  assert.equal(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size, 1);
  const choices = chunks.map(({ choices: [choice] }) => choice);
  assert.equal(choices[0]!.delta.role, "assistant");
  assert.ok(choices.some(({ delta }) => delta.content));
  assert.equal(choices.at(-1)!.finish_reason, "stop");
});

Deno.test("seed page: POST /v1/responses", async () => {
  const response = await runJson(RESPONSE!, shapes.TextResponse);
  assert.equal(response.instructions, "Be brief.");
});

Deno.test("seed page: POST /v1/responses, streamed", async () => {
  const { names } = await runEvents(RESPONSE_STREAM!);
  assert.deepEqual(names, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
});

Deno.test("seed page: POST /v1/responses with get_weather", async () => {
  await runJson(TOOLS!, shapes.CallResponse);
});

Deno.test("seed page: get_weather, streamed", async () => {
  const { names, last } = await runEvents(withBody(TOOLS!, { stream: true }));
  assert.deepEqual(names, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
  ]);
  shapes.CallCompleted.parse(last);
});

for (const [name, url] of [["", BASE_URL], [" without a store", STORELESS_URL]] as const) {
  if (url === "") continue;
  Deno.test(`seed page: get_weather, closed with function_call_output${name}`, async () => {
    const { id, store, output: [call] } = await runJson(TOOLS!, shapes.CallResponse, url);
    const { call_id } = call;
    const result = { type: "function_call_output", call_id, output: "sunny, 21 degrees" };
    const question = { role: "user", content: "What is the weather in Paris?" };
    const sentBack = { ...call, arguments: JSON.stringify(call.arguments) };
    const next = store
      ? { previous_response_id: id, input: [result] }
      : { input: [question, sentBack, result] };
    await runJson(withBody(TOOLS!, next), shapes.TextResponse, url);
  });
}

Deno.test("seed page: POST /v1/plan", async () => {
  await runJson(PLAN!, shapes.Plan);
});

/** Changes fields of the JSON between the quotes of a command's `-d`. */
function withBody(command: string, changes: object): string {
  return command.replace(
    /(?<=-d ')[^']*(?=')/,
    (body) => JSON.stringify({ ...JSON.parse(body), ...changes }),
  );
}

async function run(command: string, baseUrl: string): Promise<string> {
  const script = command
    .replace("http://127.0.0.1:8000/v1", baseUrl)
    .replaceAll('"ollm-tiny"', JSON.stringify(MODEL));
  const { success, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function runJson<T>(command: string, shape: z.ZodType<T>, baseUrl = BASE_URL): Promise<T> {
  return shape.parse(JSON.parse(await run(command, baseUrl)));
}

/** The frames that curl prints; comments are left out. */
async function runStream(command: string): Promise<{ event: string | null; data: string }[]> {
  const text = await run(command, BASE_URL);
  const frames = text.split("\n\n").filter((frame) => frame !== "" && !frame.startsWith(":"));
  return frames.map((frame) => {
    const match = /^(?:event: (\S+)\n)?data: (.*)$/.exec(frame);
    assert.ok(match, frame);
    return { event: match[1] ?? null, data: match[2]! };
  });
}

/** The kinds of the events of a response in the order of their first, and the last event. */
async function runEvents(command: string) {
  const frames = await runStream(command);
  const events = frames.map(({ data }) => shapes.ResponseEvent.parse(JSON.parse(data)));
  assert.deepEqual(frames.map(({ event }) => event), events.map(({ type }) => type));
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  return { names: [...new Set(events.map(({ type }) => type))], last: events.at(-1) };
}
