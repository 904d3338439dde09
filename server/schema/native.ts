/** The native routes' requests: strict, so that a misspelt setting is an error. @module */
import { z } from "zod";
import { MaxTokens, Seed, Temperature, TopK, TopP } from "./sampling.ts";

/** What to load and with what. */
const PlanRuntime = z.strictObject({
  model_reference: z.string().nullish(),
  backend: z.string().nullish(),
  context_length: z.int().min(1).nullish(),
  max_sequences: z.int().min(1).nullish(),
});

/** A run shares the loaded model with others, so it cannot choose sizes. */
const PromptRuntime = PlanRuntime.pick({ model_reference: true, backend: true });

const Generation = z.strictObject({
  max_new_tokens: MaxTokens.nullish(),
  temperature: Temperature.nullish(),
  top_p: TopP.nullish(),
  top_k: TopK.nullish(),
  seed: Seed.nullish(),
});

/** `POST /v1/plan`. */
export const PlanRequest = z.strictObject({ runtime: PlanRuntime.default({}) });

/** `POST /v1/prompt` and `/v1/prompt/stream`. */
export const PromptRequest = z.strictObject({
  prompt: z.string(),
  system_prompt: z.string().default("You are a helpful assistant."),
  runtime: PromptRuntime.default({}),
  generation: Generation.default({}),
});

/** A checked prompt request. */
export type PromptRequest = z.output<typeof PromptRequest>;
