/**
 * Logits → tokens. Pure functions of numbers: never sees text, a device or another sequence.
 *
 * @module
 */
export type { ChosenLogprob, IdLogprob } from "./logprobs.ts";
export {
  checkBiasedTokens,
  modelDefaultSampling,
  type ResolvedSampling,
  resolveSampling,
} from "./params.ts";
export { createSampler, type Sample, type Sampler } from "./sampler.ts";
