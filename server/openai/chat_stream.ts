/**
 * A chat reply as events: for each choice its role, its text and its finish; then the usage; then `[DONE]`.
 *
 * @module
 */
import type { Generation, Usage } from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import { toApiError, toOpenAiBody } from "../errors.ts";
import { type IndexedEvent, mergeEvents } from "../generation.ts";
import { randomId } from "../ids.ts";
import type { SseFrame } from "../sse.ts";
import {
  type ChunkChoice,
  createChunkWriter,
  type ReplyHead,
  toChatUsage,
  toLogprobs,
  type ToolCallDelta,
} from "./chat_reply.ts";

/** Options of {@linkcode chatFrames}. */
export interface ChatFramesOptions {
  cancellation: Cancellation;
  /** Whether a last chunk reports the usage; the others then carry a null. */
  includeUsage: boolean;
}

/** Frames of a streamed reply, once it is accepted. A failure is one error frame at the end, without `[DONE]`. */
export async function* chatFrames(
  head: ReplyHead,
  accepted: Promise<Generation[]>,
  { cancellation, includeUsage }: ChatFramesOptions,
): AsyncGenerator<SseFrame> {
  const writeChunk = createChunkWriter(head, includeUsage);
  const begun = new Set<number>();
  const usages: Usage[] = [];
  try {
    for await (const { index, event } of mergeEvents(await accepted)) {
      if (event.type === "finish" && event.reason === "cancelled") throw cancellation.toError();
      if (!begun.has(index)) {
        begun.add(index);
        yield { data: writeChunk([roleChoice(index)]) };
      }
      if (event.type === "finish") usages.push(event.usage);
      if (hasContent(event)) yield { data: writeChunk([toChoice({ index, event })]) };
    }
    if (includeUsage) yield { data: writeChunk([], toChatUsage(usages)) };
    yield { data: "[DONE]" };
  } catch (error) {
    yield { data: JSON.stringify(toOpenAiBody(toApiError(error))) };
  }
}

function hasContent(event: IndexedEvent["event"]): boolean {
  return event.type !== "text" || event.text !== "" || (event.logprobs?.length ?? 0) > 0;
}

function roleChoice(index: number): ChunkChoice {
  return { index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null };
}

function toChoice({ index, event }: IndexedEvent): ChunkChoice {
  const choice: ChunkChoice = { index, delta: {}, logprobs: null, finish_reason: null };
  switch (event.type) {
    case "text":
      return { ...choice, delta: { content: event.text }, logprobs: toLogprobs(event.logprobs) };
    case "reasoning":
      return { ...choice, delta: { reasoning_content: event.text } };
    case "tool_call":
      return { ...choice, delta: { tool_calls: [toCallHead(event)] } };
    case "tool_call_arguments":
      return {
        ...choice,
        delta: { tool_calls: [{ index: event.index, function: { arguments: event.text } }] },
      };
    case "finish":
      return { ...choice, finish_reason: event.reason };
  }
}

function toCallHead({ index, name }: { index: number; name: string }): ToolCallDelta {
  return { index, id: randomId("call_"), type: "function", function: { name, arguments: "" } };
}
