/**
 * OpenAI's Node client: every refusal is the error class that its users catch, with `code` and `param`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { APIUserAbortError, BadRequestError, NotFoundError } from "openai";
import { createClient, MODEL } from "./target.ts";

const client = createClient();
const hello = { model: MODEL, messages: [{ role: "user" as const, content: "Hello" }] };
const words = "planet ".repeat(20_000);

type ErrorClass = typeof BadRequestError | typeof NotFoundError;

/** What is asked, the class of the answer, its code and its param. */
const REFUSALS: [string, () => Promise<unknown>, ErrorClass, string, string | null][] = [
  [
    "an unknown model on chat",
    () => client.chat.completions.create({ ...hello, model: "nope" }),
    NotFoundError,
    "model_not_found",
    "model",
  ],
  [
    "an unknown model on responses",
    () => client.responses.create({ model: "nope", input: "Hello" }),
    NotFoundError,
    "model_not_found",
    "model",
  ],
  [
    "an unknown model on a responses stream",
    () => client.responses.create({ model: "nope", input: "Hello", stream: true }),
    NotFoundError,
    "model_not_found",
    "model",
  ],
  [
    "an unknown model to retrieve",
    () => client.models.retrieve("nope"),
    NotFoundError,
    "model_not_found",
    "model",
  ],
  [
    "a value out of range",
    () => client.chat.completions.create({ ...hello, temperature: -1 }),
    BadRequestError,
    "invalid_value",
    "temperature",
  ],
  [
    "a value out of range on responses",
    () => client.responses.create({ model: MODEL, input: "Hello", top_p: 2 }),
    BadRequestError,
    "invalid_value",
    "top_p",
  ],
  [
    "a conversation that ends with the assistant",
    () =>
      client.chat.completions.create({
        ...hello,
        messages: [...hello.messages, { role: "assistant", content: "Hello!" }],
      }),
    BadRequestError,
    "invalid_value",
    "messages",
  ],
  [
    "a prompt longer than the context",
    () =>
      client.chat.completions.create({
        model: MODEL,
        messages: [{ role: "user", content: words }],
      }),
    BadRequestError,
    "context_length_exceeded",
    "messages",
  ],
  [
    "an input longer than the context",
    () => client.responses.create({ model: MODEL, input: words }),
    BadRequestError,
    "context_length_exceeded",
    "input",
  ],
  [
    "an image for a model that reads text",
    () =>
      client.responses.create({
        model: MODEL,
        input: [{
          role: "user",
          content: [{ type: "input_image", detail: "auto", image_url: "data:image/png;base64,AA" }],
        }],
      }),
    BadRequestError,
    "unsupported_value",
    "input[0].content[0].type",
  ],
];

for (const [what, ask, errorClass, code, param] of REFUSALS) {
  Deno.test(`openai: ${what} is a ${errorClass.name}`, async () => {
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof errorClass, String(error));
      assert.equal(error.code, code);
      assert.equal(error.param, param);
      assert.ok(error.requestID);
      return true;
    });
  });
}

Deno.test("openai: a request that is aborted while it waits is an APIUserAbortError", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 30);
  const request = { ...hello, n: 8, temperature: 1, max_tokens: 200 };
  await assert.rejects(
    () => client.chat.completions.create(request, { signal: controller.signal }),
    APIUserAbortError,
  );
});
