/**
 * OpenAI's chat completion and its chunks. Pure: values in, JSON out.
 *
 * @see https://platform.openai.com/docs/api-reference/chat
 * @module
 */
import type { ChosenTokenLogprob, Usage } from "../../engine/mod.ts";
import type { CollectedReply } from "../generation.ts";
import { randomId } from "../ids.ts";
import { toLogprobBodies } from "./logprobs.ts";

/** What all chunks of one reply share. */
export interface ReplyHead {
  id: string;
  /** Unix seconds. */
  created: number;
  /** The model as the client wrote it. */
  model: string;
}

/** OpenAI's token counts. */
export interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
  completion_tokens_details: { reasoning_tokens: number };
}

/** Starts a reply that echoes the client's name of the model. */
export function createReplyHead(model: string): ReplyHead {
  return { id: randomId("chatcmpl-"), created: Math.floor(Date.now() / 1000), model };
}

/** The whole reply. */
export function toChatCompletion(head: ReplyHead, replies: CollectedReply[]) {
  return {
    id: head.id,
    object: "chat.completion",
    created: head.created,
    model: head.model,
    choices: replies.map((reply, index) => ({
      index,
      message: toMessage(reply),
      logprobs: toLogprobs(reply.logprobs),
      finish_reason: reply.finish.reason,
    })),
    usage: toChatUsage(replies.map((reply) => reply.finish.usage)),
  };
}

function toMessage({ text, reasoning, calls }: CollectedReply) {
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : {
      tool_calls: calls.map((call) => ({
        id: randomId("call_"),
        type: "function",
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
  };
}

/** A function call in a chunk: its head, or a piece of its arguments. */
export interface ToolCallDelta {
  index: number;
  id?: string;
  type?: "function";
  function: { name?: string; arguments: string };
}

/** One choice of a chunk. */
export interface ChunkChoice {
  index: number;
  delta: {
    role?: "assistant";
    content?: string;
    reasoning_content?: string;
    tool_calls?: ToolCallDelta[];
  };
  logprobs: ReturnType<typeof toLogprobs>;
  finish_reason: string | null;
}

/** Text of a chunk with one choice, or of the last one with none and the usage. */
export type ChunkWriter = (choices: ChunkChoice[], usage?: ChatUsage) => string;

/**
 * Writes chunks as JSON, what they share only once.
 *
 * @param includeUsage whether chunks without a usage say so by a null
 */
export function createChunkWriter(head: ReplyHead, includeUsage: boolean): ChunkWriter {
  const { id, created, model } = head;
  const shared = JSON.stringify({ id, object: "chat.completion.chunk", created, model });
  const start = `${shared.slice(0, -1)},"choices":`;
  const end = includeUsage ? ',"usage":null}' : "}";
  return (choices, usage) =>
    `${start}${JSON.stringify(choices)}${
      usage === undefined ? end : `,"usage":${JSON.stringify(usage)}}`
    }`;
}

/** Adds up the choices: their prompt is the same and counts once. */
export function toChatUsage(usages: Usage[]): ChatUsage {
  const promptTokens = usages[0]?.numPromptTokens ?? 0;
  const completionTokens = usages.reduce((sum, usage) => sum + usage.numOutputTokens, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: usages[0]?.numCachedTokens ?? 0 },
    completion_tokens_details: {
      reasoning_tokens: usages.reduce((sum, usage) => sum + usage.numReasoningTokens, 0),
    },
  };
}

/** The `logprobs` of a choice; null when none were asked for. */
export function toLogprobs(tokens: ChosenTokenLogprob[] | null | undefined) {
  if (!tokens) return null;
  return { content: toLogprobBodies(tokens), refusal: null };
}
