/**
 * Items of the Responses API as this server keeps and sends them: every one with an id, message content always in parts.
 *
 * @see https://platform.openai.com/docs/api-reference/responses/object
 * @module
 */

import type { ChosenLogprobBody } from "../logprobs.ts";

/** How far an item is. */
export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** Text that was put in. */
export interface InputText {
  type: "input_text";
  text: string;
}

/** Text that the model wrote. */
export interface OutputText {
  type: "output_text";
  text: string;
  annotations: never[];
  /** Present when asked for. */
  logprobs?: ChosenLogprobBody[];
}

/** A refusal of an earlier turn; models of this server write text only. */
export interface Refusal {
  type: "refusal";
  refusal: string;
}

/** A turn of the conversation. */
export interface MessageItem {
  id: string;
  type: "message";
  status: ItemStatus;
  role: "user" | "assistant" | "system" | "developer";
  content: (InputText | OutputText | Refusal)[];
}

/** A call of a function by the model. */
export interface FunctionCallItem {
  id: string;
  type: "function_call";
  status: ItemStatus;
  /** Named by the output that answers it. */
  call_id: string;
  name: string;
  /** JSON text. */
  arguments: string;
}

/** What a called function returned. */
export interface FunctionCallOutputItem {
  id: string;
  type: "function_call_output";
  status: ItemStatus;
  call_id: string;
  output: string | InputText[];
}

/** What the model thought before it answered: its own words in `content`, or in `summary` where one was asked for. */
export interface ReasoningItem {
  id: string;
  type: "reasoning";
  status?: ItemStatus;
  summary: { type: "summary_text"; text: string }[];
  content?: { type: "reasoning_text"; text: string }[];
  encrypted_content?: string | null;
}

/** Anything that can be part of a conversation. */
export type Item = MessageItem | FunctionCallItem | FunctionCallOutputItem | ReasoningItem;

/** What a model can produce. */
export type OutputItem = MessageItem | FunctionCallItem | ReasoningItem;

/** Prefix of the ids that this server gives, by kind. */
export const ID_PREFIX: Readonly<Record<Item["type"], string>> = {
  message: "msg_",
  function_call: "fc_",
  function_call_output: "fco_",
  reasoning: "rs_",
};
