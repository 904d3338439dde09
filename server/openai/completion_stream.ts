/**
 * A completion as events: for each choice its text and its finish, in the order in which they come; then the usage; then
 * `[DONE]`.
 *
 * @module
 */
import type { Usage } from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import { toApiError, toOpenAiBody } from "../errors.ts";
import { mergeEvents } from "../generation.ts";
import type { SseFrame } from "../sse.ts";
import type { ReplyHead } from "./chat_reply.ts";
import {
  type CompletionChoice,
  countCharacters,
  toCompletion,
  toCompletionLogprobs,
  toCompletionUsage,
} from "./completion_reply.ts";

import type { AcceptedCompletion } from "./completion_request.ts";

/** Options of {@linkcode completionFrames}. */
export interface CompletionFramesOptions {
  cancellation: Cancellation;
  /** Whether a last chunk reports the usage; the others then carry a null. */
  includeUsage: boolean;
  choicesPerPrompt: number;
}

/** Frames of a streamed reply, once it is accepted. A failure is one error frame at the end, without `[DONE]`. */
export async function* completionFrames(
  head: ReplyHead,
  accepted: Promise<AcceptedCompletion>,
  { cancellation, includeUsage, choicesPerPrompt }: CompletionFramesOptions,
): AsyncGenerator<SseFrame> {
  const noUsage = includeUsage ? { usage: null } : {};
  const frame = (choice: Omit<CompletionChoice, "finish_reason">, finishReason?: string) => {
    const choices = [{ ...choice, finish_reason: finishReason ?? null }];
    return { data: JSON.stringify(toCompletion(head, choices, noUsage)) };
  };
  const usages: Usage[] = [];
  try {
    const { generations, echoes } = await accepted;
    const offsets: number[] = generations.map(() => 0);
    for (const [index, text] of (echoes ?? []).entries()) {
      yield frame({ text, index, logprobs: null });
    }
    for await (const { index, event } of mergeEvents(generations)) {
      if (event.type === "finish") {
        if (event.reason === "cancelled") throw cancellation.toError();
        usages[index] = event.usage;
        yield frame({ text: "", index, logprobs: null }, event.reason);
      } else if (event.type === "text" && (event.text !== "" || event.logprobs?.length)) {
        const logprobs = toCompletionLogprobs(event.logprobs, offsets[index]!);
        for (const { token } of event.logprobs ?? []) offsets[index]! += countCharacters(token);
        yield frame({ text: event.text, index, logprobs });
      }
    }
    if (includeUsage) {
      const usage = toCompletionUsage(usages, choicesPerPrompt);
      yield { data: JSON.stringify(toCompletion(head, [], { usage })) };
    }
    yield { data: "[DONE]" };
  } catch (error) {
    yield { data: JSON.stringify(toOpenAiBody(toApiError(error))) };
  }
}
