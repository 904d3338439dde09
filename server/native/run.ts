/**
 * One native prompt: from its values to a generation, and from that to a reply or to events. Knows no route and no session.
 *
 * @module
 */
import {
  type ChatMessage,
  type Generation,
  type GenerationRequest,
  type ProgressListener,
  type PromptRecord,
  type RuntimePlan,
  type SamplingParams,
  toPromptMetadata,
} from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import type { RequestDefaults, Services } from "../context.ts";
import { ApiError, toApiError, toNativeBody } from "../errors.ts";
import { collect } from "../generation.ts";
import { admitReference } from "../model_reference.ts";
import { toKeepAlive } from "../schema/keep_alive.ts";
import type { GenerationOptions, PromptRuntime } from "../schema/native.ts";
import type { SseFrame } from "../sse.ts";
import { withinTime } from "../waiting.ts";

/** What is to be run. */
export interface PromptSpec {
  messages: ChatMessage[];
  runtime: PromptRuntime;
  generation: GenerationOptions;
}

/** A prompt that the engine has taken. */
interface StartedRun {
  generation: Generation;
  plan: RuntimePlan;
}

/** A prompt on its way. */
export interface PromptRun {
  /** Settles when the engine has taken the prompt, or refused it. */
  started: Promise<StartedRun>;
  cancellation: Cancellation;
  /** What the prompt waits for until then, in one line. */
  describeWait(): string;
}

/**
 * Begins to download, load, plan and queue whatever the prompt needs. A refusal ends the cancellation.
 *
 * @throws {ApiError} 400 or 404 for what no model can run
 */
export function startRun(
  spec: PromptSpec,
  { engine, defaults }: Pick<Services, "engine" | "defaults">,
  cancellation: Cancellation,
): PromptRun {
  let wait = "Waiting for the model";
  const onProgress: ProgressListener = (share, stage) => {
    wait = `${stage} ${Math.round(share * 100)} %`;
  };
  const started = startGeneration(spec, { engine, defaults, cancellation, onProgress });
  started.catch(() => cancellation.abort());
  return { started, cancellation, describeWait: () => wait };
}

interface StartOptions extends Pick<Services, "engine" | "defaults"> {
  cancellation: Cancellation;
  onProgress: ProgressListener;
}

async function startGeneration(
  spec: PromptSpec,
  { engine, defaults, cancellation: { signal }, onProgress }: StartOptions,
): Promise<StartedRun> {
  const request = toGenerationRequest(spec, defaults);
  const generation = await engine.generate(request, { signal, onProgress });
  const { model, backend } = request;
  const plan = await engine.plan({ model, ...(backend === undefined ? {} : { backend }) });
  return { generation, plan };
}

/**
 * Reads the run to its end.
 *
 * @throws {ApiError} it was cancelled
 */
export async function finishRun(run: PromptRun): Promise<PromptRecord> {
  try {
    const { generation, plan } = await run.started;
    const { text, finish } = await collect(generation, run.cancellation);
    return { text, metadata: toPromptMetadata(plan, finish) };
  } finally {
    run.cancellation.end();
  }
}

/** Options of {@linkcode promptFrames}. */
export interface PromptFramesOptions {
  /** Time between two words on what the prompt waits for. */
  keepAliveMs: number;
  /** Called with the whole text before `complete` is sent. */
  onComplete?: (text: string) => void;
}

/** The run as events: one `status` or more, any number of `text`, then `complete` or `error`. */
export async function* promptFrames(
  { started, cancellation, describeWait }: PromptRun,
  { keepAliveMs, onComplete = () => {} }: PromptFramesOptions,
): AsyncGenerator<SseFrame> {
  const frame = (event: string, data: unknown) => ({ event, data: JSON.stringify(data) });
  let text = "";
  try {
    while (await withinTime(started, keepAliveMs) === undefined) {
      yield frame("status", { message: describeWait() });
    }
    const { generation, plan } = await started;
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
    ...(runtime.backend ? { backend: runtime.backend } : {}),
    ...toKeepAlive(runtime.keep_alive),
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
