/** `POST /v1/responses` and its relatives: the requests. Absent and null mean the same in every optional field. @module */
import { z } from "zod";
import { KeepAlive } from "./keep_alive.ts";
import { MaxTokens, SAMPLING_FIELDS } from "./sampling.ts";

/** As OpenAI limits it. */
const Metadata = z.record(z.string().max(64), z.string().max(512)).refine(
  (pairs) => Object.keys(pairs).length <= 16,
  "expected at most 16 pairs",
);

/** Items are checked one by one, by kind. */
const Items = z.array(z.record(z.string(), z.unknown())).max(2048);

/** Kinds other than `function` are dropped with a warning, so only their kind is looked at here. */
const Tool = z.looseObject({ type: z.string().default("function") });

/** A function that the model may call. */
export const FunctionToolParam = z.object({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, _ or -"),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

const TextFormatParam = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, _ or -"),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

const ConversationParam = z.union([z.string(), z.object({ id: z.string() })], {
  error: "expected the id of a conversation, or an object with it",
});

/** The fields that decide what the model reads. */
const PROMPT_FIELDS = {
  model: z.string(),
  input: z.union([z.string(), Items], {
    error: "expected a string or an array of at most 2048 items",
  }).nullish(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: ConversationParam.nullish(),
  tools: z.array(Tool).max(128).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })], {
    error: "expected a word or an object with a type",
  }).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z.object({
    effort: z.string().nullish(),
    summary: z.string().nullish(),
  }).nullish(),
  text: z.object({
    format: TextFormatParam.nullish(),
    verbosity: z.enum(["low", "medium", "high"]).nullish(),
  }).nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
};

/** `POST /v1/responses`; unknown fields are dropped. */
export const CreateResponseRequest = z.object({
  ...PROMPT_FIELDS,
  ...SAMPLING_FIELDS,
  background: z.boolean().nullish(),
  keep_alive: KeepAlive.nullish(),
  include: z.array(z.string()).max(16).nullish(),
  max_output_tokens: MaxTokens.nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  metadata: Metadata.nullish(),
  prompt_cache_key: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  service_tier: z.string().nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  user: z.string().nullish(),
});

/** A checked request. */
export type CreateResponseRequest = z.output<typeof CreateResponseRequest>;

/** `POST /v1/responses/input_tokens`. */
export const CountInputTokensRequest = z.object(PROMPT_FIELDS);

/** The fields that decide what the model reads. */
export type PromptRequest = z.output<typeof CountInputTokensRequest>;

/** `POST /v1/conversations`. */
export const CreateConversationRequest = z.object({
  items: z.array(z.record(z.string(), z.unknown())).max(20).nullish(),
  metadata: Metadata.nullish(),
});

/** `POST /v1/conversations/{id}`. */
export const UpdateConversationRequest = z.object({ metadata: Metadata.nullable() });

/** `POST /v1/conversations/{id}/items`. */
export const CreateConversationItemsRequest = z.object({
  items: z.array(z.record(z.string(), z.unknown())).min(1).max(20),
});

/** Fields of OpenAI's API that change nothing here, so that their use is not worth a warning. */
export const IGNORED_RESPONSE_FIELDS: readonly string[] = [
  "prompt_cache_retention",
  "stream_options",
];
