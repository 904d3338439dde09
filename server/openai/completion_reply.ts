/**
 * OpenAI's legacy text completion and its chunks. Pure: values in, JSON out.
 *
 * @see https://platform.openai.com/docs/api-reference/completions
 * @module
 */
import type { ChosenTokenLogprob, Usage } from "../../engine/mod.ts";
import { randomId } from "../ids.ts";
import { type ChatUsage, type ReplyHead, toChatUsage } from "./chat_reply.ts";
import { MIN_LOGPROB } from "./logprobs.ts";

/** One choice of a reply or a chunk. */
export interface CompletionChoice {
  text: string;
  /** Prompt by prompt, and for each its choices. */
  index: number;
  logprobs: CompletionLogprobs | null;
  finish_reason: string | null;
}

/** Four lists, one entry a token. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: number[];
  /** The chosen token is one of them. */
  top_logprobs: Record<string, number>[];
  /** Where the token begins, in characters from the start of the choice's text. */
  text_offset: number[];
}

/** Starts a reply that echoes the client's name of the model. */
export function createCompletionHead(model: string): ReplyHead {
  return { id: randomId("cmpl-"), created: Math.floor(Date.now() / 1000), model };
}

/** The whole reply, or one of its chunks: they have one shape. */
export function toCompletion(
  { id, created, model }: ReplyHead,
  choices: CompletionChoice[],
  usage: { usage?: ChatUsage | null },
) {
  return { id, object: "text_completion", created, model, choices, ...usage };
}

/**
 * Adds up all choices; a prompt counts once for all of its choices.
 *
 * @param usages by index of the choice
 */
export function toCompletionUsage(usages: Usage[], choicesPerPrompt: number): ChatUsage {
  const sums = toChatUsage(usages);
  const prompts = usages.filter((_, index) => index % choicesPerPrompt === 0);
  const promptTokens = prompts.reduce((sum, usage) => sum + usage.numPromptTokens, 0);
  const cachedTokens = prompts.reduce((sum, usage) => sum + usage.numCachedTokens, 0);
  return {
    ...sums,
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + sums.completion_tokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}

/**
 * The `logprobs` of a choice; null when none were asked for.
 *
 * @param offset where the first token begins
 */
export function toCompletionLogprobs(
  tokens: ChosenTokenLogprob[] | null | undefined,
  offset: number,
): CompletionLogprobs | null {
  if (!tokens) return null;
  const clamp = (logprob: number) => Math.max(logprob, MIN_LOGPROB);
  const offsets: number[] = [];
  for (const { token } of tokens) {
    offsets.push(offset);
    offset += countCharacters(token);
  }
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => clamp(logprob)),
    top_logprobs: tokens.map((chosen) =>
      Object.fromEntries(
        [...chosen.alternatives, chosen].map(({ token, logprob }) => [token, clamp(logprob)]),
      )
    ),
    text_offset: offsets,
  };
}

/** Code points, as Python's clients count. */
export function countCharacters(text: string): number {
  return [...text].length;
}
