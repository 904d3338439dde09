/** Input items of the Responses API as clients send them: each kind checked for the fields that matter here. @module */
import { z } from "zod";

/** Ids are the clients' to repeat, so only their size is checked. */
const ItemId = z.string().min(1).max(128);

/** One part of a content list; which kinds can be used is decided where the model is known. */
const ContentPart = z.object({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
});

/** Text, or parts. */
const Content = z.union([z.string(), z.array(ContentPart).max(256)], {
  error: "expected a string or an array of parts",
});

/** A message; `type` may be left out. */
export const MessageInput = z.object({
  id: ItemId.nullish(),
  type: z.literal("message").nullish(),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: Content,
});

/** A call that the model made in an earlier turn. */
export const FunctionCallInput = z.object({
  id: ItemId.nullish(),
  type: z.literal("function_call"),
  call_id: z.string().min(1).max(128),
  name: z.string().min(1).max(64),
  arguments: z.string(),
});

/** What the function returned; values other than text and parts become JSON text. */
export const FunctionCallOutputInput = z.object({
  id: ItemId.nullish(),
  type: z.literal("function_call_output").nullish(),
  call_id: z.string().min(1).max(128),
  output: z.unknown(),
});

/** Thoughts of an earlier turn. */
export const ReasoningInput = z.object({
  id: ItemId.nullish(),
  type: z.literal("reasoning"),
  summary: z.array(z.object({ text: z.string() })).nullish(),
  content: z.array(z.object({ text: z.string() })).nullish(),
  encrypted_content: z.string().nullish(),
});

/** An item that the server was sent, or wrote, before. */
export const ItemReferenceInput = z.object({
  type: z.literal("item_reference").nullish(),
  id: ItemId,
});

/** The parts of a function's output that are parts. */
export const OutputParts = z.array(ContentPart).min(1).max(256);

/** A checked content. */
export type ContentInput = z.output<typeof Content>;
