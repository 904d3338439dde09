/** What the routes of the Responses API answer, for `/openapi.json`; tests hold the replies to it. @module */
import { z } from "zod";

const Status = z.enum(["in_progress", "completed", "incomplete"]);

const Part = z.looseObject({
  type: z.enum(["input_text", "output_text", "refusal"]),
  text: z.string().optional(),
});

const MessageItem = z.strictObject({
  id: z.string(),
  type: z.literal("message"),
  status: Status,
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: z.array(Part),
});

const FunctionCallItem = z.strictObject({
  id: z.string(),
  type: z.literal("function_call"),
  status: Status,
  call_id: z.string(),
  name: z.string(),
  arguments: z.string().describe("JSON text"),
});

const FunctionCallOutputItem = z.strictObject({
  id: z.string(),
  type: z.literal("function_call_output"),
  status: Status,
  call_id: z.string(),
  output: z.union([z.string(), z.array(Part)]),
});

const ReasoningItem = z.strictObject({
  id: z.string(),
  type: z.literal("reasoning"),
  status: Status.optional(),
  summary: z.array(z.strictObject({ type: z.literal("summary_text"), text: z.string() })),
  content: z.array(z.strictObject({ type: z.literal("reasoning_text"), text: z.string() }))
    .optional(),
  encrypted_content: z.string().nullable().optional(),
});

/** Anything that can be part of a conversation. */
export const ItemReply = z.discriminatedUnion("type", [
  MessageItem,
  FunctionCallItem,
  FunctionCallOutputItem,
  ReasoningItem,
]);

const UsageReply = z.strictObject({
  input_tokens: z.int(),
  input_tokens_details: z.strictObject({ cached_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
});

/** A response, whole or under way; it repeats what its request asked for, every value as it was applied. */
export const ResponseReply = z.looseObject({
  id: z.string(),
  object: z.literal("response"),
  created_at: z.int().describe("Unix seconds"),
  completed_at: z.int().nullable().describe("Unix seconds"),
  status: z.enum(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.strictObject({ reason: z.string() }).nullable(),
  model: z.string(),
  output: z.array(z.discriminatedUnion("type", [MessageItem, FunctionCallItem, ReasoningItem])),
  usage: UsageReply.nullable(),
  background: z.boolean(),
  conversation: z.strictObject({ id: z.string() }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.int().nullable(),
  max_tool_calls: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  store: z.boolean().describe("Whether the response can be retrieved later"),
  temperature: z.number(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]),
  tools: z.array(z.looseObject({ type: z.literal("function"), name: z.string() })),
  top_p: z.number().nullable(),
});

/** An event of a streamed response: numbered from 0, the further fields by its type. */
export const ResponseEventReply = z.looseObject({
  type: z.string().describe("For example response.output_text.delta"),
  sequence_number: z.int(),
});

/** Something that is no longer there. */
export const DeletedReply = z.strictObject({
  id: z.string(),
  object: z.enum(["response", "conversation.deleted"]),
  deleted: z.literal(true),
});

/** `POST /v1/responses/input_tokens`. */
export const InputTokensReply = z.strictObject({
  object: z.literal("response.input_tokens"),
  input_tokens: z.int(),
});

/** A page of items. */
export const ItemPageReply = z.strictObject({
  object: z.literal("list"),
  data: z.array(ItemReply),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

/** A conversation; its items have a route of their own. */
export const ConversationReply = z.strictObject({
  id: z.string(),
  object: z.literal("conversation"),
  created_at: z.int().describe("Unix seconds"),
  metadata: z.record(z.string(), z.string()),
});
