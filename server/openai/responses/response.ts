/**
 * The response object: what a request asked for, how far its answer is, and the answer.
 *
 * @see https://platform.openai.com/docs/api-reference/responses/object
 * @module
 */
import type { Usage } from "../../../engine/mod.ts";
import type { OutputItem } from "./items.ts";

/** How far a response is. */
export type ResponseStatus =
  | "queued"
  | "in_progress"
  | "completed"
  | "incomplete"
  | "failed"
  | "cancelled";

/** OpenAI's token counts. */
export interface ResponseUsage {
  input_tokens: number;
  input_tokens_details: { cached_tokens: number };
  output_tokens: number;
  output_tokens_details: { reasoning_tokens: number };
  total_tokens: number;
}

/** A function as the response repeats it. */
export interface FunctionTool {
  type: "function";
  name: string;
  description: string | null;
  parameters: Record<string, unknown> | null;
  /** The client's word; arguments satisfy `parameters` either way. */
  strict: boolean;
}

/** The normalized choice that a response repeats. */
export type ResponseToolChoice =
  | "none"
  | "auto"
  | "required"
  | { type: "function"; name: string }
  | {
    type: "allowed_tools";
    mode: "auto" | "required";
    tools: { type: "function"; name: string }[];
  };

/** What the text must be, as the response repeats it. */
export type TextFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
    type: "json_schema";
    name: string;
    description: string | null;
    schema: Record<string, unknown>;
    strict: boolean;
  };

/** The part of a response that its request decides; every value as it was applied. */
export interface ResponseEcho {
  background: boolean;
  conversation: { id: string } | null;
  instructions: string | null;
  max_output_tokens: number | null;
  max_tool_calls: number | null;
  /** The client's own word. */
  model: string;
  parallel_tool_calls: boolean;
  previous_response_id: string | null;
  prompt_cache_key: string | null;
  reasoning: { effort: string | null; summary: string | null };
  safety_identifier: string | null;
  service_tier: "default";
  /** Whether the response can be retrieved later. */
  store: boolean;
  temperature: number;
  text: { format: TextFormat; verbosity: string };
  tool_choice: ResponseToolChoice;
  tools: FunctionTool[];
  top_logprobs: number;
  /** Null leaves it to the model. */
  top_p: number | null;
  truncation: "disabled";
  user: string | null;
  metadata: Record<string, string>;
}

/** A response. */
export interface ResponseObject extends ResponseEcho {
  id: string;
  object: "response";
  /** Unix seconds. */
  created_at: number;
  status: ResponseStatus;
  /** Unix seconds. */
  completed_at: number | null;
  error: { code: string; message: string } | null;
  incomplete_details: { reason: "max_output_tokens" } | null;
  output: OutputItem[];
  usage: ResponseUsage | null;
}

/** A response that has not begun. */
export function createResponseObject(
  id: string,
  createdAt: number,
  echo: ResponseEcho,
): ResponseObject {
  return {
    id,
    object: "response",
    created_at: createdAt,
    status: "in_progress",
    completed_at: null,
    error: null,
    incomplete_details: null,
    output: [],
    usage: null,
    ...echo,
  };
}

/** Whether nothing will change any more. */
export function isFinal({ status }: Pick<ResponseObject, "status">): boolean {
  return status !== "queued" && status !== "in_progress";
}

/** The engine's counts in OpenAI's words. */
export function toResponseUsage(usage: Usage): ResponseUsage {
  return {
    input_tokens: usage.numPromptTokens,
    input_tokens_details: { cached_tokens: usage.numCachedTokens },
    output_tokens: usage.numOutputTokens,
    output_tokens_details: { reasoning_tokens: usage.numReasoningTokens },
    total_tokens: usage.numPromptTokens + usage.numOutputTokens,
  };
}
