/**
 * A chat reply as events: for each choice its role, its text and its finish; then the usage; then `[DONE]`.
 *
 * @module
 */
import type { Generation, Usage } from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import { toApiError, toOpenAiBody } from "../errors.ts";
import { type IndexedEvent, mergeEvents } from "../generation.ts";
import type { SseFrame } from "../sse.ts";
import {
  type ChunkChoice,
  type ReplyHead,
  toChatUsage,
  toChunk,
  toLogprobs,
} from "./chat_reply.ts";

/** Options of {@linkcode chatFrames}. */
export interface ChatFramesOptions {
  cancellation: Cancellation;
  /** Whether a last chunk reports the usage; the others then carry a null. */
  includeUsage: boolean;
}

/** Frames of a streamed reply. A failure is one error frame at the end, without `[DONE]`. */
export async function* chatFrames(
  head: ReplyHead,
  generations: Generation[],
  { cancellation, includeUsage }: ChatFramesOptions,
): AsyncGenerator<SseFrame> {
  const frame = (
    choices: ChunkChoice[],
    usage: { usage?: ReturnType<typeof toChatUsage> | null },
  ) => ({
    data: JSON.stringify(toChunk(head, choices, usage)),
  });
  const noUsage = includeUsage ? { usage: null } : {};
  const begun = new Set<number>();
  const usages: Usage[] = [];
  try {
    for await (const { index, event } of mergeEvents(generations)) {
      if (event.type === "finish" && event.reason === "cancelled") throw cancellation.toError();
      if (!begun.has(index)) {
        begun.add(index);
        yield frame([roleChoice(index)], noUsage);
      }
      if (event.type === "finish") usages.push(event.usage);
      if (hasContent(event)) yield frame([toChoice({ index, event })], noUsage);
    }
    if (includeUsage) yield frame([], { usage: toChatUsage(usages) });
    yield { data: "[DONE]" };
  } catch (error) {
    yield { data: JSON.stringify(toOpenAiBody(toApiError(error))) };
  }
}

function hasContent(event: IndexedEvent["event"]): boolean {
  if (event.type === "finish") return true;
  return event.type === "text" && (event.text !== "" || (event.logprobs?.length ?? 0) > 0);
}

function roleChoice(index: number): ChunkChoice {
  return { index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null };
}

function toChoice({ index, event }: IndexedEvent): ChunkChoice {
  if (event.type === "finish") {
    return { index, delta: {}, logprobs: null, finish_reason: event.reason };
  }
  return {
    index,
    delta: event.type === "text" ? { content: event.text } : {},
    logprobs: toLogprobs(event.type === "text" ? event.logprobs : undefined),
    finish_reason: null,
  };
}
