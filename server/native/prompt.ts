import { promptMessages } from "../../engine/mod.ts";
import type { AppContext, Services } from "../context.ts";
import { PromptRequest } from "../schema/native.ts";
import { parseNative } from "../schema/parse.ts";
import { sseReply } from "../sse.ts";
import { createCancellation } from "../cancellation.ts";
import { finishRun, promptFrames, type PromptRun, startRun } from "./run.ts";

/** `POST /v1/prompt`: one question, one answer, with the facts of the run. */
export function createPrompt(services: Services) {
  return async (c: AppContext): Promise<Response> => c.json(await finishRun(start(c, services)));
}

/** `POST /v1/prompt/stream`: one `status` or more, any number of `text`, then `complete` or `error`. */
export function streamPrompt(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const run = start(c, services);
    return await sseReply(run.started, promptFrames(run, services.limits), {
      ...services.limits,
      onAbort: () => run.cancellation.abort(),
      onEnd: () => run.cancellation.end(),
    });
  };
}

function start(c: AppContext, services: Services): PromptRun {
  const { prompt, system_prompt: systemPrompt, ...spec } = parseNative(
    PromptRequest,
    c.get("body"),
  );
  const messages = promptMessages(systemPrompt, prompt);
  return startRun({ messages, ...spec }, services, createCancellation(c.req.raw.signal, services));
}
