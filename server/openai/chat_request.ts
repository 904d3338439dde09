/**
 * From a checked chat request to the generations that answer it, one a choice.
 *
 * @module
 */
import type { GenerationRequest } from "../../engine/mod.ts";
import type { RequestDefaults } from "../context.ts";
import { badRequest } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import type { ChatCompletionRequest } from "../schema/chat.ts";
import { toKeepAlive } from "../schema/keep_alive.ts";
import { toResponseFormat, toToolOptions } from "./chat_tools.ts";
import { toChatMessages } from "./messages.ts";
import { toChoices, toSampling } from "./sampling.ts";

/**
 * Builds one generation a choice.
 *
 * @throws {ApiError} 400 or 404 for what the schema cannot see
 */
export function toGenerationRequests(
  request: ChatCompletionRequest,
  defaults: RequestDefaults,
): GenerationRequest[] {
  if (typeof request.top_logprobs === "number" && !request.logprobs) {
    throw badRequest("top_logprobs", 'Invalid "top_logprobs": it needs "logprobs": true');
  }
  const responseFormat = toResponseFormat(request.response_format);
  const maxTokens = toMaxTokens(request);
  const base: GenerationRequest = {
    model: admitReference(request.model, defaults),
    messages: toChatMessages(request.messages),
    ...toToolOptions(request),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(request.stop ? { stop: [request.stop].flat() } : {}),
    ...toKeepAlive(request.keep_alive),
  };
  const sampling = toSampling(request, defaults, {
    logprobs: request.logprobs ? request.top_logprobs ?? 0 : undefined,
  });
  return toChoices({ ...base, sampling }, request.n ?? 1);
}

function toMaxTokens(request: ChatCompletionRequest): number | undefined {
  const { max_tokens: old, max_completion_tokens: current } = request;
  if (typeof old === "number" && typeof current === "number" && old !== current) {
    throw badRequest(
      "max_tokens",
      'Invalid "max_tokens": it contradicts "max_completion_tokens"; send one of them',
    );
  }
  return current ?? old ?? undefined;
}
