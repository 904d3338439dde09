/** `/v1/completions`, `/v1/embeddings`, `/v1/tokenize`, `/v1/detokenize`: the requests. @module */
import { z } from "zod";
import { Messages, Tools } from "./chat.ts";
import { KeepAlive } from "./keep_alive.ts";
import { MaxTokens, SAMPLING_FIELDS, Stop } from "./sampling.ts";

const Token = z.int().min(0);

/** As many as may wait for a place in the batch. */
const MAX_TEXTS = 64;

/** One text or several, as text or as token ids. */
const Texts = z.union([
  z.string(),
  z.array(z.string()).min(1).max(MAX_TEXTS),
  z.array(Token).min(1),
  z.array(z.array(Token).min(1)).min(1).max(MAX_TEXTS),
], { error: `expected a text, token ids, or an array of at most ${MAX_TEXTS} of one of them` });

/** `POST /v1/completions`; unknown fields are dropped. */
export const CompletionRequest = z.object({
  model: z.string(),
  prompt: Texts,
  best_of: z.int().min(1).max(8).nullish(),
  echo: z.boolean().nullish(),
  keep_alive: KeepAlive.nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  max_tokens: MaxTokens.nullish(),
  n: z.int().min(1).max(8).nullish(),
  stop: Stop.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  suffix: z.string().nullish(),
  ...SAMPLING_FIELDS,
});

/** A checked request. */
export type CompletionRequest = z.output<typeof CompletionRequest>;

/** Fields of OpenAI's API that change nothing here, so that their use is not worth a warning. */
export const IGNORED_COMPLETION_FIELDS: readonly string[] = ["user"];

/** As OpenAI has it. */
const MAX_INPUTS = 2048;

/** Nothing has no vector. */
const InputText = z.string().min(1, "expected at least one character");
const InputTokens = z.array(Token).min(1, "expected at least one token");

/** `POST /v1/embeddings`; unknown fields are dropped. */
export const EmbeddingRequest = z.object({
  model: z.string(),
  input: z.union([InputText, z.array(InputText).min(1), InputTokens, z.array(InputTokens).min(1)], {
    error: "expected a text that is not empty, token ids, or an array of one of them",
  }).refine(
    (input) =>
      typeof input === "string" || typeof input[0] === "number" || input.length <= MAX_INPUTS,
    `expected at most ${MAX_INPUTS} inputs`,
  ),
  keep_alive: KeepAlive.nullish(),
  dimensions: z.int().min(1).nullish(),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  user: z.string().nullish(),
});

/** A checked request. */
export type EmbeddingRequest = z.output<typeof EmbeddingRequest>;

/** `POST /v1/tokenize`, as vLLM has it: a text, or a conversation with its tools. */
export const TokenizeRequest = z.object({
  model: z.string().nullish(),
  prompt: z.string().nullish(),
  messages: Messages.nullish(),
  tools: Tools.nullish(),
  add_special_tokens: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
});

/** A checked request. */
export type TokenizeRequest = z.output<typeof TokenizeRequest>;

/** `POST /v1/detokenize`. */
export const DetokenizeRequest = z.object({
  model: z.string().nullish(),
  tokens: z.array(Token),
});
