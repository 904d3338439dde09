/**
 * The sampling fields of OpenAI's requests in the engine's words.
 *
 * @module
 */
import type { GenerationRequest, SamplingParams } from "../../engine/mod.ts";
import type { RequestDefaults } from "../context.ts";
import type { SamplingFields } from "../schema/sampling.ts";

/** Fills the fields that a request leaves open; what stays open is the model's own to decide. */
export function toSampling(
  fields: SamplingFields,
  defaults: RequestDefaults,
  { logprobs }: { logprobs: number | undefined },
): SamplingParams {
  const { logit_bias: bias } = fields;
  const sampling = {
    temperature: fields.temperature ?? defaults.sampling.temperature,
    topP: fields.top_p ?? defaults.sampling.topP,
    topK: fields.top_k ?? defaults.sampling.topK,
    seed: fields.seed ?? defaults.sampling.seed,
    minP: fields.min_p,
    presencePenalty: fields.presence_penalty,
    frequencyPenalty: fields.frequency_penalty,
    repetitionPenalty: fields.repetition_penalty,
    logitBias: bias && Object.keys(bias).length > 0 ? bias : undefined,
    logprobs,
  };
  const given = Object.entries(sampling).filter(([, value]) =>
    value !== null && value !== undefined
  );
  return Object.fromEntries(given) as SamplingParams;
}

/** One generation a choice: those of a seeded request differ from each other, and are the same again next time. */
export function toChoices(
  request: GenerationRequest & { sampling: SamplingParams },
  count: number,
): GenerationRequest[] {
  const { sampling } = request;
  return Array.from({ length: count }, (_, index) => ({
    ...request,
    sampling: sampling.seed === undefined ? sampling : { ...sampling, seed: sampling.seed + index },
  }));
}
