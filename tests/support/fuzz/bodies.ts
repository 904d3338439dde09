/**
 * Valid bodies to start from, and a body that fits any route a little.
 *
 * @module
 */
import type { Value } from "./json_text.ts";

type Body = { [key: string]: Value };

const PARAMETERS = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const MODEL = { model: "ollm-tiny" };
const CHAT_TOOL = { type: "function", function: { name: "get_weather", parameters: PARAMETERS } };
const TOOL = { type: "function", name: "get_weather", description: "?", parameters: PARAMETERS };
const QUESTION = { role: "user", content: "List three planets" };
const METADATA = { a: "b" };

const CHATS: Body[] = [
  {
    ...MODEL,
    messages: [QUESTION],
    max_tokens: 4,
    temperature: 0.5,
    seed: 7,
    top_p: 0.9,
    top_k: 5,
  },
  {
    ...MODEL,
    messages: [{ role: "system", content: "Be brief" }, QUESTION],
    stream: true,
    stream_options: { include_usage: true },
    n: 2,
    stop: ["\n", "Earth"],
    logprobs: true,
    top_logprobs: 2,
    max_completion_tokens: 4,
    user: "someone",
  },
  {
    ...MODEL,
    max_tokens: 4,
    messages: [
      QUESTION,
      {
        role: "assistant",
        content: null,
        tool_calls: [{
          id: "call_1",
          type: "function",
          function: { name: "get_weather", arguments: '{"city":"Paris"}' },
        }],
      },
      { role: "tool", tool_call_id: "call_1", content: "sunny" },
    ],
    tools: [CHAT_TOOL],
    tool_choice: { type: "function", function: { name: "get_weather" } },
    parallel_tool_calls: false,
    stream: true,
  },
  {
    ...MODEL,
    max_tokens: 8,
    messages: [{ role: "user", content: [{ type: "text", text: "Paris?" }] }],
    response_format: { type: "json_schema", json_schema: { name: "city", schema: PARAMETERS } },
    presence_penalty: 0.5,
    frequency_penalty: -0.5,
    logit_bias: { 5: -100 },
  },
];

const RESPONSES: Body[] = [
  {
    ...MODEL,
    input: "List three planets",
    instructions: "Be brief.",
    max_output_tokens: 4,
    store: true,
  },
  {
    ...MODEL,
    input: [QUESTION],
    stream: true,
    max_output_tokens: 4,
    temperature: 1,
    metadata: METADATA,
  },
  {
    ...MODEL,
    max_output_tokens: 4,
    input: [
      { type: "message", role: "user", content: [{ type: "input_text", text: "Weather?" }] },
      { type: "function_call", call_id: "call_1", name: "get_weather", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: "sunny" },
    ],
    tools: [TOOL, { type: "web_search" }],
    tool_choice: "required",
    parallel_tool_calls: false,
    include: ["reasoning.encrypted_content", "message.output_text.logprobs"],
    top_logprobs: 2,
    reasoning: { effort: "low", summary: "auto" },
    stream: true,
  },
  {
    ...MODEL,
    max_output_tokens: 8,
    input: "Paris?",
    text: { format: { type: "json_schema", name: "city", schema: PARAMETERS, strict: true } },
    truncation: "disabled",
    background: true,
    store: true,
  },
  {
    ...MODEL,
    input: [{ type: "item_reference", id: "msg_1" }, QUESTION],
    previous_response_id: "resp_1",
  },
  { ...MODEL, input: "And then?", conversation: { id: "conv_1" }, max_output_tokens: 4 },
];

const ITEMS: Body[] = [{ items: [{ type: "message", ...QUESTION }], metadata: METADATA }, {}];
const GENERATION = { max_new_tokens: 4, temperature: 0, top_p: 1, top_k: 1, seed: 1 };
const PROMPT: Body = {
  prompt: "Hi",
  system_prompt: "Be brief.",
  runtime: { model_reference: "ollm-tiny" },
  generation: GENERATION,
};

const VALID: Record<string, Body[]> = {
  "/v1/chat/completions": CHATS,
  "/v1/responses": RESPONSES,
  "/v1/responses/input_tokens": RESPONSES,
  "/v1/conversations": ITEMS,
  "/v1/conversations/:conversation_id": ITEMS,
  "/v1/conversations/:conversation_id/items": ITEMS,
  "/v1/completions": [{ ...MODEL, prompt: "One, two,", max_tokens: 4, stream: true, echo: true }],
  "/v1/embeddings": [{ ...MODEL, input: ["a", "b"], encoding_format: "base64", dimensions: 8 }],
  "/v1/tokenize": [
    { ...MODEL, prompt: "Hello" },
    { ...MODEL, messages: [QUESTION], tools: [CHAT_TOOL], add_generation_prompt: true },
  ],
  "/v1/detokenize": [{ ...MODEL, tokens: [1, 2, 3] }],
  "/v1/plan": [
    { runtime: { model_reference: "ollm-tiny", backend: "wgsl", context_length: 64 } },
    {},
  ],
  "/v1/prompt": [PROMPT, { prompt: "Hi", generation: { max_new_tokens: 4 } }],
  "/v1/prompt/stream": [PROMPT],
  "/v1/sessions": [{ session_name: "a", system_prompt: "Be brief.", generation: GENERATION }, {}],
  "/v1/sessions/:session_id/prompt": [{ prompt: "Hi" }],
  "/v1/sessions/:session_id/prompt/stream": [{ prompt: "Hi" }],
};

/** For a route that nobody has written a body for yet: every field there is. */
const ANY: Body = Object.assign({}, ...Object.values(VALID).flat());

/** Valid bodies of a route, at least one. */
export function bodiesOf(pattern: string): Body[] {
  return VALID[pattern] ?? [ANY];
}

/** Names of fields that mean something somewhere. */
export const FIELDS: readonly string[] = [...new Set(collectKeys(Object.values(VALID)))];

function collectKeys(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const below = Object.values(value).flatMap(collectKeys);
  return Array.isArray(value) ? below : [...Object.keys(value), ...below];
}
