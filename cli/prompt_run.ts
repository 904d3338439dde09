/**
 * One prompt through an engine of our own, to its end.
 *
 * @module
 */
import {
  computeDecodeRate,
  type Engine,
  type FinishReason,
  type GenerationRequest,
  promptMessages,
  type SamplingParams,
  type Usage,
} from "../engine/mod.ts";
import type { Host } from "./host.ts";
import { escapeControls, readColumns, shorten } from "./terminal.ts";
import type { ResolvedSettings } from "./settings.ts";

/** A finished run. */
export interface PromptRun {
  text: string;
  finish: { reason: FinishReason; usage: Usage };
}

/** Options of {@linkcode runPrompt}. */
export interface RunPromptOptions {
  /** Gets each piece as it comes. */
  onText?: (text: string) => void;
  /** Ends the run; its reason is then `cancelled`. */
  signal: AbortSignal;
}

/** Builds the request that a prompt and the settings describe. */
export function toGenerationRequest(
  prompt: string,
  systemPrompt: string,
  { values, origins }: ResolvedSettings,
): GenerationRequest {
  // A budget for all prompts gives way to a short context; one for this prompt does not.
  const isBudgetChosen = origins.get("generation.max_new_tokens")?.kind === "flag";
  return {
    model: values.runtime.model_reference,
    messages: promptMessages(systemPrompt, prompt),
    sampling: toSampling(values.generation),
    ...(isBudgetChosen ? { maxTokens: values.generation.max_new_tokens } : {}),
  };
}

function toSampling(
  { temperature, top_p, top_k, seed }: ResolvedSettings["values"]["generation"],
): SamplingParams {
  return {
    temperature,
    ...(top_p === null ? {} : { topP: top_p }),
    ...(top_k === null ? {} : { topK: top_k }),
    ...(seed === null ? {} : { seed }),
  };
}

/** Loads the model, showing how far it is to a person who waits. */
export async function loadModel(engine: Engine, model: string, host: Host): Promise<void> {
  if (!host.isStderrTerminal) return await engine.load(model);
  const clearLine = "\r\x1b[K";
  await engine.load(model, (share, stage) => {
    const percent = `${Math.round(share * 100)} %`;
    const width = readColumns() - 1;
    const whole = `Loading ${escapeControls(model)}: ${stage} ${percent}`;
    host.printError(
      clearLine + (whole.length <= width ? whole : shorten(`${percent} ${stage}`, width)),
    );
  });
  host.printError(clearLine);
}

/** Runs the request to its end. */
export async function runPrompt(
  engine: Engine,
  request: GenerationRequest,
  { onText, signal }: RunPromptOptions,
): Promise<PromptRun> {
  let text = "";
  for await (const event of await engine.generate(request, { signal })) {
    if (event.type === "finish") return { text, finish: event };
    if (event.type !== "text") continue;
    text += event.text;
    onText?.(event.text);
  }
  throw new Error("The engine ended a generation without saying why");
}

/** Counts and rates in one line. */
export function formatStats({ finish: { reason, usage } }: PromptRun): string {
  const rate = computeDecodeRate(usage);
  return [
    `${usage.numPromptTokens} prompt tokens (${usage.numCachedTokens} cached)`,
    `${usage.numOutputTokens} generated`,
    `first after ${usage.timeToFirstTokenMs.toFixed(0)} ms`,
    ...(rate === undefined ? [] : [`${rate.toFixed(1)} tokens/s`]),
    `finish reason ${reason}`,
  ].join(", ");
}
