import { createCancellation } from "../cancellation.ts";
import type { AppContext, Services } from "../context.ts";
import { collect } from "../generation.ts";
import { CompletionRequest, IGNORED_COMPLETION_FIELDS } from "../schema/completions.ts";
import { parseOpenAi } from "../schema/parse.ts";
import { sseReply } from "../sse.ts";
import {
  createCompletionHead,
  toCompletion,
  toCompletionLogprobs,
  toCompletionUsage,
} from "./completion_reply.ts";
import { acceptCompletion, planCompletion } from "./completion_request.ts";
import { completionFrames } from "./completion_stream.ts";
import { warnUnknownFields } from "./unknown_fields.ts";

const KNOWN_FIELDS = [...Object.keys(CompletionRequest.shape), ...IGNORED_COMPLETION_FIELDS];

/** `POST /v1/completions`: goes on from a text as it is, without a chat template. */
export function createCompletion(services: Services) {
  const { engine, limits } = services;
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(CompletionRequest, c.get("body"));
    warnUnknownFields(c.get("body"), { known: KNOWN_FIELDS, kind: "completion request" });
    const plan = planCompletion(request, services);
    const cancellation = createCancellation(c.req.raw.signal, services);
    const accepted = acceptCompletion(plan, { engine, cancellation });
    const head = createCompletionHead(request.model);
    const { choicesPerPrompt } = plan;
    if (request.stream) {
      const includeUsage = request.stream_options?.include_usage ?? false;
      const options = { cancellation, includeUsage, choicesPerPrompt };
      return await sseReply(accepted, completionFrames(head, accepted, options), {
        ...limits,
        onAbort: () => cancellation.abort(),
        onEnd: () => cancellation.end(),
      });
    }
    try {
      const { generations, echoes } = await accepted;
      const collected = generations.map((generation) => collect(generation, cancellation));
      const replies = await Promise.all(collected);
      const choices = replies.map((reply, index) => ({
        text: (echoes?.[index] ?? "") + reply.text,
        index,
        logprobs: toCompletionLogprobs(reply.logprobs, 0),
        finish_reason: reply.finish.reason,
      }));
      const usages = replies.map(({ finish }) => finish.usage);
      return c.json(
        toCompletion(head, choices, { usage: toCompletionUsage(usages, choicesPerPrompt) }),
      );
    } finally {
      cancellation.end();
    }
  };
}
