/**
 * The server and the model under test, as `main.ts` found them.
 *
 * @module
 */
import assert from "node:assert/strict";
import OpenAI from "openai";

/** `http://127.0.0.1:PORT/v1`. */
export const BASE_URL = Deno.env.get("OLLM_BASE_URL") ?? "";

/** The same of a server without a response store. */
export const STORELESS_URL = Deno.env.get("OLLM_STORELESS_URL") ?? "";

/** Model that every case asks. */
export const MODEL = Deno.env.get("OLLM_MODEL") ?? "ollm-tiny";

/** Any text will do where the server asks for none. */
export const API_KEY = Deno.env.get("OLLM_API_KEY") ?? "unused";

/** OpenAI's own client; it never tries twice, so that a case sees the first answer. */
export function createClient(baseURL: string = BASE_URL): OpenAI {
  return new OpenAI({ baseURL, apiKey: API_KEY, maxRetries: 0 });
}

/** JSON Schema of `get_weather`'s arguments. */
export const WEATHER_PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
} as const;

/** The question that the function answers. */
export const WEATHER_QUESTION = "What is the weather in Paris?";

/** The function call that is all of a response's output. */
export function onlyCall(
  { output }: OpenAI.Responses.Response,
): OpenAI.Responses.ResponseFunctionToolCall {
  const [item, ...others] = output;
  assert.deepEqual(others, []);
  assert.ok(item?.type === "function_call", JSON.stringify(item));
  return item;
}

/** The text part that is all of a response's output. */
export function onlyText(
  { output }: OpenAI.Responses.Response,
): OpenAI.Responses.ResponseOutputText {
  const [item, ...others] = output;
  assert.deepEqual(others, []);
  assert.ok(item?.type === "message" && item.role === "assistant", JSON.stringify(item));
  const [part, ...otherParts] = item.content;
  assert.deepEqual(otherParts, []);
  assert.ok(part?.type === "output_text", JSON.stringify(part));
  return part;
}
