/** `POST /v1/chat/completions`: the request. Absent and null mean the same in every optional field. @module */
import { z } from "zod";
import { KeepAlive } from "./keep_alive.ts";
import { MaxTokens, SAMPLING_FIELDS, Stop } from "./sampling.ts";

/** Names of functions, and of their calls. */
const FunctionName = z.string().regex(
  /^[A-Za-z0-9_-]{1,64}$/,
  "expected 1 to 64 letters, digits, _ or -",
);

/** Part of a message's content; kinds other than text are refused with the reason, later. */
const ContentPart = z.object({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
});

const ToolCall = z.object({
  id: z.string(),
  type: z.literal("function").default("function"),
  function: z.object({ name: FunctionName, arguments: z.string() }),
});

const Message = z.object({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(ContentPart).max(256)], {
    error: "expected a string or an array of parts",
  }).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(ToolCall).max(128).nullish(),
  tool_call_id: z.string().nullish(),
});

/** A conversation. */
export const Messages = z.array(Message).min(1, "expected at least one message").max(2048);

/** Kinds other than `function` are dropped with a warning. */
const Tool = z.object({
  type: z.string(),
  function: z.object({
    name: FunctionName,
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  }).nullish(),
});

/** The functions that are offered. */
export const Tools = z.array(Tool).max(128);

/** Which tools must be called; `allowed_tools` narrows the list first. */
const ToolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.object({ type: z.literal("function"), function: z.object({ name: FunctionName }) }),
  z.object({
    type: z.literal("allowed_tools"),
    allowed_tools: z.object({
      mode: z.enum(["auto", "required"]),
      tools: z.array(z.object({
        type: z.string(),
        function: z.object({ name: FunctionName }).nullish(),
      })).max(128),
    }),
  }),
], { error: 'expected "none", "auto", "required", a function, or allowed_tools' });

/** What the text of the reply must be. */
const ResponseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
], { error: 'expected "text", "json_object" or "json_schema"' });

/** The known fields; unknown ones are dropped. */
export const ChatCompletionRequest = z.object({
  model: z.string(),
  messages: Messages,
  keep_alive: KeepAlive.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: MaxTokens.nullish(),
  max_completion_tokens: MaxTokens.nullish(),
  n: z.int().min(1).max(8).nullish(),
  stop: Stop.nullish(),
  ...SAMPLING_FIELDS,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: Tools.nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: ResponseFormat.nullish(),
});

/** A checked request. */
export type ChatCompletionRequest = z.output<typeof ChatCompletionRequest>;

/** A checked message. */
export type ChatMessageParam = ChatCompletionRequest["messages"][number];

/** Fields of OpenAI's API that change nothing here, so that their use is not worth a warning. */
export const IGNORED_CHAT_FIELDS: readonly string[] = [
  "metadata",
  "modalities",
  "prediction",
  "prompt_cache_key",
  "prompt_cache_retention",
  "reasoning_effort",
  "safety_identifier",
  "service_tier",
  "store",
  "user",
  "verbosity",
];
