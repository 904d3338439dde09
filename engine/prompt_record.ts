/**
 * A prompt that is asked once: its conversation, and the published form of what came of it, the same over HTTP and on the command line.
 *
 * @module
 */
import type { ChatMessage, FinishReason, RuntimePlan, Usage } from "./types.ts";

/** A finished native reply. */
export interface PromptRecord {
  /** The whole reply. */
  text: string;
  /** Facts of the run, every value as text. */
  metadata: Record<string, string>;
}

/** The conversation of a one-shot prompt; an empty system prompt is no message. */
export function promptMessages(systemPrompt: string, prompt: string): ChatMessage[] {
  const user: ChatMessage = { role: "user", content: prompt };
  return systemPrompt === "" ? [user] : [{ role: "system", content: systemPrompt }, user];
}

/**
 * The facts of a finished run, as text: what ran it, how much it read and wrote, and how long that took.
 *
 * @param plan the plan that the run was made with
 */
export function toPromptMetadata(
  plan: RuntimePlan,
  finish: { reason: FinishReason; usage: Usage },
): Record<string, string> {
  const { usage } = finish;
  const metadata: Record<string, string | number | boolean | null | undefined> = {
    backend_id: plan.backend,
    kernel_set: plan.kernelSet,
    adapter: plan.adapter,
    quantization: plan.model.quantization,
    kv_dtype: plan.dtypes?.kv,
    kv_cache_strategy: "paged",
    context_length: plan.contextLength,
    specialization_state: plan.backend === "wgsl" ? "applied" : "not-planned",
    remarks: plan.remarks.length === 0 ? null : plan.remarks.join("; "),
    finish_reason: finish.reason,
    prompt_tokens: usage.numPromptTokens,
    cached_tokens: usage.numCachedTokens,
    completion_tokens: usage.numOutputTokens,
    time_to_first_token_ms: usage.timeToFirstTokenMs.toFixed(1),
    decode_ms: usage.decodeMs.toFixed(1),
    decode_tokens_per_second: computeDecodeRate(usage)?.toFixed(1),
    predicted_decode_tokens_per_second: plan.prediction?.decodeTokensPerSecond.toFixed(1),
  };
  const known = Object.entries(metadata).filter(([, value]) =>
    value !== null && value !== undefined
  );
  return Object.fromEntries(known.map(([key, value]) => [key, String(value)]));
}

/** Generated tokens a second, the first token left out; undefined below two tokens. */
export function computeDecodeRate(usage: Usage): number | undefined {
  const numSteps = usage.numOutputTokens - 1;
  return numSteps < 1 || usage.decodeMs <= 0 ? undefined : numSteps / usage.decodeMs * 1000;
}
