import {
  type Generation,
  type GenerationRequest,
  promptMessages,
  type RuntimePlan,
  type SamplingParams,
  toPromptMetadata,
} from "../../engine/mod.ts";
import { Cancellation } from "../cancellation.ts";
import type { AppContext, RequestDefaults, Services } from "../context.ts";
import { ApiError, toApiError, toNativeBody } from "../errors.ts";
import { acceptAll, collect } from "../generation.ts";
import { admitReference } from "../model_reference.ts";
import { PromptRequest } from "../schema/native.ts";
import { parseNative } from "../schema/parse.ts";
import { type SseFrame, sseResponse } from "../sse.ts";

/** `POST /v1/prompt`: one question, one answer, with the facts of the run. */
export function createPrompt(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const run = await startRun(c, services);
    try {
      const { text, finish } = await collect(run.generation, run.cancellation);
      return c.json({ text, metadata: toPromptMetadata(run.plan, finish) });
    } finally {
      run.cancellation.end();
    }
  };
}

/** `POST /v1/prompt/stream`: `status`, any number of `text`, then `complete` or `error`. */
export function streamPrompt(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const run = await startRun(c, services);
    return sseResponse(promptFrames(run), {
      ...services.limits,
      onAbort: () => run.cancellation.abort(),
      onEnd: () => run.cancellation.end(),
    });
  };
}

/** An accepted prompt. */
interface PromptRun {
  generation: Generation;
  cancellation: Cancellation;
  plan: RuntimePlan;
}

async function startRun(c: AppContext, services: Services): Promise<PromptRun> {
  const { engine, defaults, drain, limits } = services;
  const body = parseNative(PromptRequest, c.get("body"));
  const request = toGenerationRequest(body, defaults);
  const backend = body.runtime.backend ?? undefined;
  const plan = await engine.plan({
    model: request.model,
    ...(backend === undefined ? {} : { backend }),
  });
  if (backend !== undefined && plan.backend === null && plan.model.sourceKind !== "opaque") {
    throw new ApiError(400, `This backend cannot run the model: ${plan.reasons.join("; ")}`);
  }
  const cancellation = new Cancellation({
    clientSignal: c.req.raw.signal,
    endSignal: drain.endSignal,
    timeoutMs: limits.requestTimeoutMs,
  });
  const [generation] = await acceptAll(engine, [request], cancellation);
  return { generation: generation!, cancellation, plan };
}

function toGenerationRequest(body: PromptRequest, defaults: RequestDefaults): GenerationRequest {
  if (body.prompt === "") throw new ApiError(400, "prompt is empty: expected text");
  const { max_new_tokens: maxTokens } = body.generation;
  return {
    model: admitReference(body.runtime.model_reference ?? defaults.model, defaults),
    messages: promptMessages(body.system_prompt, body.prompt),
    sampling: toSampling(body.generation, defaults),
    ...(typeof maxTokens === "number" ? { maxTokens } : {}),
  };
}

function toSampling(
  generation: PromptRequest["generation"],
  { sampling }: RequestDefaults,
): SamplingParams {
  const topP = generation.top_p ?? sampling.topP;
  const topK = generation.top_k ?? sampling.topK;
  const seed = generation.seed ?? sampling.seed;
  return {
    temperature: generation.temperature ?? sampling.temperature ?? 0,
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(seed === undefined ? {} : { seed }),
  };
}

async function* promptFrames(
  { generation, cancellation, plan }: PromptRun,
): AsyncGenerator<SseFrame> {
  const frame = (event: string, data: unknown) => ({ event, data: JSON.stringify(data) });
  let text = "";
  try {
    const message =
      `${plan.model.reference} on ${plan.adapter} (${plan.backend}, ${plan.kernelSet})`;
    yield frame("status", { message });
    for await (const event of generation) {
      if (event.type === "finish") {
        if (event.reason === "cancelled") throw cancellation.toError();
        continue;
      }
      if (event.type !== "text") continue;
      text += event.text;
      if (event.text !== "") yield frame("text", { delta: event.text });
    }
    yield frame("complete", { text });
  } catch (error) {
    yield frame("error", toNativeBody(toApiError(error)));
  }
}
