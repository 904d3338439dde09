/**
 * From a checked completion request to the generations that answer it: prompt by prompt, and for each its choices.
 *
 * @module
 */
import type { Engine, Generation, GenerationRequest } from "../../engine/mod.ts";
import type { Cancellation } from "../cancellation.ts";
import type { Services } from "../context.ts";
import { badRequest, renameParam } from "../errors.ts";
import { acceptAll } from "../generation.ts";
import { admitReference } from "../model_reference.ts";
import type { CompletionRequest } from "../schema/completions.ts";
import { toKeepAlive } from "../schema/keep_alive.ts";
import { toChoices, toSampling } from "./sampling.ts";

/** Choices of one request, as many as may wait for a place in the batch. */
const MAX_CHOICES = 64;

/** Everything that a request decides. */
export interface CompletionPlan {
  /** Texts or token ids. */
  prompts: (string | number[])[];
  /** What all choices of a prompt share but for the text, one a choice. */
  choices: GenerationRequest[];
  choicesPerPrompt: number;
  /** Whether a reply begins with its prompt. */
  hasEcho: boolean;
}

/** A completion that the engine has taken. */
export interface AcceptedCompletion {
  /** Prompt by prompt, and for each its choices. */
  generations: Generation[];
  /** Texts to begin with, by choice; undefined without echo. */
  echoes: string[] | undefined;
}

/**
 * Plans the completion.
 *
 * @throws {ApiError} 400 or 404 for what the schema cannot see
 */
export function planCompletion(
  request: CompletionRequest,
  { defaults }: Pick<Services, "defaults">,
): CompletionPlan {
  refuseUnsupported(request);
  const model = admitReference(request.model, defaults);
  const prompts = toPrompts(request.prompt);
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
    ...toKeepAlive(request.keep_alive),
  };
  const choices = toChoices(base, choicesPerPrompt);
  return { prompts, choices, choicesPerPrompt, hasEcho: request.echo ?? false };
}

/**
 * Queues all choices, or none of them; token ids become text first.
 *
 * @throws {EngineError} the first refusal, or an id is outside the vocabulary
 */
export async function acceptCompletion(
  { prompts, choices, hasEcho }: CompletionPlan,
  { engine, cancellation }: { engine: Engine; cancellation: Cancellation },
): Promise<AcceptedCompletion> {
  const { model } = choices[0]!;
  const { signal } = cancellation;
  // Reading ids needs the model; a client that leaves meanwhile ends its download.
  if (prompts.some((prompt) => typeof prompt !== "string")) {
    await engine.load(model, undefined, { signal });
  }
  try {
    const texts = await Promise.all(
      prompts.map((item) => typeof item === "string" ? item : engine.detokenize(model, item)),
    );
    const requests = texts.flatMap((prompt) => choices.map((choice) => ({ ...choice, prompt })));
    const generations = await acceptAll(engine, requests, cancellation);
    return { generations, echoes: hasEcho ? requests.map(({ prompt }) => prompt) : undefined };
  } catch (error) {
    throw renameParam(error, { messages: "prompt", tokens: "prompt" });
  }
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

/** One prompt or several, each a text or token ids. */
function toPrompts(prompt: CompletionRequest["prompt"]): (string | number[])[] {
  if (typeof prompt === "string") return [prompt];
  return (typeof prompt[0] === "number" ? [prompt] : prompt) as (string | number[])[];
}
