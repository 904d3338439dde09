/**
 * One native prompt: from its values to a generation, and from that to a reply or to events. Knows no route and no session.
 *
 * @module
 */
import {
  type ChatMessage,
  type Generation,
  type GenerationRequest,
  type PromptRecord,
  type RuntimePlan,
  type SamplingParams,
  toPromptMetadata,
} from "../../engine/mod.ts";
import { Cancellation } from "../cancellation.ts";
import type { AppContext, RequestDefaults, Services } from "../context.ts";
import { ApiError, toApiError, toNativeBody } from "../errors.ts";
import { acceptAll, collect } from "../generation.ts";
import { admitReference } from "../model_reference.ts";
import type { GenerationOptions, PromptRuntime } from "../schema/native.ts";
import type { SseFrame } from "../sse.ts";

/** What is to be run. */
export interface PromptSpec {
  messages: ChatMessage[];
  runtime: PromptRuntime;
  generation: GenerationOptions;
}

/** An accepted prompt. */
export interface PromptRun {
  generation: Generation;
  cancellation: Cancellation;
  plan: RuntimePlan;
}

/** The cancellation of a native request; its clock runs from now on. */
export function createCancellation(c: AppContext, { drain, limits }: Services): Cancellation {
  return new Cancellation({
    clientSignal: c.req.raw.signal,
    endSignal: drain.endSignal,
    timeoutMs: limits.requestTimeoutMs,
  });
}

/**
 * Plans and queues the prompt. A refusal ends the cancellation.
 *
 * @throws {ApiError} 400 or 404 for what cannot be run
 * @throws {EngineError} as `Engine.generate`
 */
export async function startRun(
  spec: PromptSpec,
  { engine, defaults }: Pick<Services, "engine" | "defaults">,
  cancellation: Cancellation,
): Promise<PromptRun> {
  try {
    const request = toGenerationRequest(spec, defaults);
    const backend = spec.runtime.backend ?? undefined;
    const plan = await engine.plan({
      model: request.model,
      ...(backend === undefined ? {} : { backend }),
    });
    if (backend !== undefined && plan.backend === null && plan.model.sourceKind !== "opaque") {
      throw new ApiError(400, `This backend cannot run the model: ${plan.reasons.join("; ")}`);
    }
    const [generation] = await acceptAll(engine, [request], cancellation);
    return { generation: generation!, cancellation, plan };
  } catch (error) {
    cancellation.abort();
    throw error;
  }
}

/**
 * Reads the run to its end.
 *
 * @throws {ApiError} it was cancelled
 */
export async function finishRun(run: PromptRun): Promise<PromptRecord> {
  try {
    const { text, finish } = await collect(run.generation, run.cancellation);
    return { text, metadata: toPromptMetadata(run.plan, finish) };
  } finally {
    run.cancellation.end();
  }
}

/**
 * The run as events: `status`, any number of `text`, then `complete` or `error`.
 *
 * @param onComplete called with the whole text before `complete` is sent
 */
export async function* promptFrames(
  { generation, cancellation, plan }: PromptRun,
  onComplete: (text: string) => void = () => {},
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
    onComplete(text);
    yield frame("complete", { text });
  } catch (error) {
    yield frame("error", toNativeBody(toApiError(error)));
  }
}

function toGenerationRequest(
  { messages, runtime, generation }: PromptSpec,
  defaults: RequestDefaults,
): GenerationRequest {
  if (messages.at(-1)?.content === "") throw new ApiError(400, "prompt is empty: expected text");
  const { max_new_tokens: maxTokens } = generation;
  return {
    model: admitReference(runtime.model_reference ?? defaults.model, defaults),
    messages,
    sampling: toSampling(generation, defaults),
    ...(typeof maxTokens === "number" ? { maxTokens } : {}),
  };
}

function toSampling(generation: GenerationOptions, { sampling }: RequestDefaults): SamplingParams {
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
