import { createCancellation } from "../cancellation.ts";
import type { AppContext, Services } from "../context.ts";
import { acceptAll, collect } from "../generation.ts";
import { ChatCompletionRequest, IGNORED_CHAT_FIELDS } from "../schema/chat.ts";
import { parseOpenAi } from "../schema/parse.ts";
import { sseReply } from "../sse.ts";
import { createReplyHead, toChatCompletion } from "./chat_reply.ts";
import { toGenerationRequests } from "./chat_request.ts";
import { chatFrames } from "./chat_stream.ts";
import { warnUnknownFields } from "./unknown_fields.ts";

const KNOWN_FIELDS = [...Object.keys(ChatCompletionRequest.shape), ...IGNORED_CHAT_FIELDS];

/** `POST /v1/chat/completions`. */
export function createChatCompletion(services: Services) {
  const { engine, defaults, limits } = services;
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(ChatCompletionRequest, c.get("body"));
    warnUnknownFields(c.get("body"), { known: KNOWN_FIELDS, kind: "chat completion request" });
    const requests = toGenerationRequests(request, defaults);
    const cancellation = createCancellation(c.req.raw.signal, services);
    const accepted = acceptAll(engine, requests, cancellation);
    const head = createReplyHead(request.model);
    if (request.stream) {
      const includeUsage = request.stream_options?.include_usage ?? false;
      const frames = chatFrames(head, accepted, { cancellation, includeUsage });
      return await sseReply(accepted, frames, {
        ...limits,
        onAbort: () => cancellation.abort(),
        onEnd: () => cancellation.end(),
      });
    }
    try {
      const replies = (await accepted).map((generation) => collect(generation, cancellation));
      return c.json(toChatCompletion(head, await Promise.all(replies)));
    } finally {
      cancellation.end();
    }
  };
}
