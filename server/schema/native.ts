/** The native routes' requests: strict, so that a misspelt setting is an error. @module */
import { z } from "zod";
import { KeepAlive } from "./keep_alive.ts";
import { MaxTokens, Seed, Temperature, TopK, TopP } from "./sampling.ts";

/** What to load and with what. */
const PlanRuntime = z.strictObject({
  model_reference: z.string().nullish(),
  backend: z.string().nullish(),
  context_length: z.int().min(1).nullish(),
  max_sequences: z.int().min(1).nullish(),
});

/** A run shares the loaded model with others, so it cannot choose sizes. */
const PromptRuntime = PlanRuntime.pick({ model_reference: true, backend: true }).extend({
  keep_alive: KeepAlive.nullish(),
});

/** A checked runtime of a run. */
export type PromptRuntime = z.output<typeof PromptRuntime>;

const Generation = z.strictObject({
  max_new_tokens: MaxTokens.nullish(),
  temperature: Temperature.nullish(),
  top_p: TopP.nullish(),
  top_k: TopK.nullish(),
  seed: Seed.nullish(),
});

/** Checked options of a generation. */
export type GenerationOptions = z.output<typeof Generation>;

const SystemPrompt = z.string().default("You are a helpful assistant.");

/** `POST /v1/plan`. */
export const PlanRequest = z.strictObject({ runtime: PlanRuntime.default({}) });

/** `POST /v1/prompt` and `/v1/prompt/stream`. */
export const PromptRequest = z.strictObject({
  prompt: z.string(),
  system_prompt: SystemPrompt,
  runtime: PromptRuntime.default({}),
  generation: Generation.default({}),
});

/** `POST /v1/sessions`. */
export const SessionRequest = z.strictObject({
  session_name: z.string().max(256).default("default"),
  system_prompt: SystemPrompt,
  runtime: PromptRuntime.default({}),
  generation: Generation.default({}),
});

/** A checked request for a session. */
export type SessionRequest = z.output<typeof SessionRequest>;

/** `POST /v1/sessions/{session_id}/prompt` and `…/prompt/stream`. */
export const SessionPromptRequest = z.strictObject({ prompt: z.string() });

/** Switches in a URL are texts. */
const Flag = z.stringbool({
  truthy: ["true", "1", "yes", "on"],
  falsy: ["false", "0", "no", "off"],
}).meta({ type: "boolean" });

/** `GET /v1/ollm/models/{model_reference}`: how to plan. Unknown parameters are ignored, as proxies add some. */
export const ModelQuery = z.object({
  backend: z.string().optional(),
  no_specialization: Flag.optional(),
  models_dir: z.string().optional(),
  multimodal: Flag.optional(),
});

/** A checked query. */
export type ModelQuery = z.output<typeof ModelQuery>;

/** `POST /v1/ollm/models/{model_reference}/load`. Unknown parameters are ignored, as proxies add some. */
export const LoadQuery = z.object({
  backend: z.string().optional(),
  keep_alive: KeepAlive.optional(),
});

/** `GET /v1/ollm/models`. */
export const ModelsQuery = ModelQuery.omit({ multimodal: true }).extend({
  installed: Flag.optional(),
});
