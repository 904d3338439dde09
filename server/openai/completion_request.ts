/**
 * From a checked completion request to the generations that answer it: prompt by prompt, and for each its choices.
 *
 * @module
 */
import type { Engine, GenerationRequest } from "../../engine/mod.ts";
import type { Services } from "../context.ts";
import { badRequest } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import type { CompletionRequest } from "../schema/completions.ts";
import { toChoices, toSampling } from "./sampling.ts";

/** Choices of one request, as many as may wait for a place in the batch. */
const MAX_CHOICES = 64;

/** Everything that a request decides. */
export interface CompletionPlan {
  /** One a choice. */
  generations: (GenerationRequest & { prompt: string })[];
  choicesPerPrompt: number;
}

/**
 * Plans the completion; token ids become text first.
 *
 * @throws {ApiError} 400 or 404 for what the schema cannot see
 * @throws {EngineError} an id is outside the vocabulary
 */
export async function planCompletion(
  request: CompletionRequest,
  { engine, defaults }: Pick<Services, "engine" | "defaults">,
): Promise<CompletionPlan> {
  refuseUnsupported(request);
  const model = admitReference(request.model, defaults);
  const prompts = await toTexts(request.prompt, { engine, model });
  const choicesPerPrompt = request.n ?? 1;
  if (prompts.length * choicesPerPrompt > MAX_CHOICES) {
    throw badRequest(
      "prompt",
      `Invalid "prompt": ${prompts.length} prompts with ${choicesPerPrompt} choices each are more than ${MAX_CHOICES}`,
    );
  }
  const sampling = toSampling(request, defaults, { logprobs: request.logprobs ?? undefined });
  const base = {
    model,
    sampling,
    ...(request.stop ? { stop: [request.stop].flat() } : {}),
    ...(request.max_tokens ? { maxTokens: request.max_tokens } : {}),
  };
  const generations = prompts.flatMap((prompt) =>
    toChoices({ ...base }, choicesPerPrompt).map((choice) => ({ ...choice, prompt }))
  );
  return { generations, choicesPerPrompt };
}

/** What would be ignored although the reply depends on it. */
function refuseUnsupported(request: CompletionRequest): void {
  if (request.suffix) {
    throw badRequest(
      "suffix",
      'Invalid "suffix": text is only ever added at the end',
      "unsupported_value",
    );
  }
  if (typeof request.best_of === "number" && request.best_of !== (request.n ?? 1)) {
    throw badRequest(
      "best_of",
      'Invalid "best_of": every choice is returned, so it must equal "n"',
      "unsupported_value",
    );
  }
  if (request.echo && typeof request.logprobs === "number") {
    throw badRequest(
      "logprobs",
      'Invalid "logprobs": together with "echo" it asks for those of the prompt, which are not kept',
      "unsupported_value",
    );
  }
}

/** Texts of a union of texts and token ids. */
async function toTexts(
  prompt: CompletionRequest["prompt"],
  { engine, model }: { engine: Engine; model: string },
): Promise<string[]> {
  if (typeof prompt === "string") return [prompt];
  const isOneList = typeof prompt[0] === "number";
  const items = (isOneList ? [prompt] : prompt) as (string | number[])[];
  return await Promise.all(
    items.map((item) => typeof item === "string" ? item : engine.detokenize(model, item)),
  );
}
