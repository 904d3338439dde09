/**
 * From a checked chat request to the generations that answer it, one a choice.
 *
 * @module
 */
import type { GenerationRequest, SamplingParams } from "../../engine/mod.ts";
import type { RequestDefaults } from "../context.ts";
import { badRequest } from "../errors.ts";
import { log } from "../log.ts";
import { admitReference } from "../model_reference.ts";
import { ChatCompletionRequest, IGNORED_CHAT_FIELDS } from "../schema/chat.ts";
import { toResponseFormat, toToolOptions } from "./chat_tools.ts";
import { toChatMessages } from "./messages.ts";

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
  };
  const sampling = toSampling(request, defaults);
  return Array.from({ length: request.n ?? 1 }, (_, index) => ({
    ...base,
    // Choices of one seeded request differ from each other and are the same again next time.
    sampling: sampling.seed === undefined ? sampling : { ...sampling, seed: sampling.seed + index },
  }));
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

function toSampling(request: ChatCompletionRequest, defaults: RequestDefaults): SamplingParams {
  const { logit_bias: bias } = request;
  const sampling = {
    temperature: request.temperature ?? defaults.sampling.temperature,
    topP: request.top_p ?? defaults.sampling.topP,
    topK: request.top_k ?? defaults.sampling.topK,
    seed: request.seed ?? defaults.sampling.seed,
    minP: request.min_p,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    repetitionPenalty: request.repetition_penalty,
    logitBias: bias && Object.keys(bias).length > 0 ? bias : undefined,
    logprobs: request.logprobs ? request.top_logprobs ?? 0 : undefined,
  };
  const given = Object.entries(sampling).filter(([, value]) =>
    value !== null && value !== undefined
  );
  return Object.fromEntries(given) as SamplingParams;
}

const warnedFields = new Set<string>();
/** Names are the clients' to choose, so their number is bounded. */
const MAX_WARNED_FIELDS = 256;

/** Logs each unknown field once in the life of the process. */
export function warnUnknownFields(body: Record<string, unknown>): void {
  for (const field of Object.keys(body)) {
    if (field in ChatCompletionRequest.shape || IGNORED_CHAT_FIELDS.includes(field)) continue;
    if (warnedFields.has(field) || warnedFields.size >= MAX_WARNED_FIELDS) continue;
    warnedFields.add(field);
    log.warning("Ignored the unknown field {field} of a chat completion request", {
      field: field.slice(0, 64),
    });
  }
}
