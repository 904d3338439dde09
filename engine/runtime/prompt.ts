/**
 * A request's text and bounds, checked and turned into tokens.
 *
 * @module
 */
import { ContextLengthError, InvalidRequestError } from "../errors.ts";
import type { TextModel } from "../text/mod.ts";
import type { GenerationRequest, TokenizeRequest } from "../types.ts";
import { encodeMessages, resolveTools } from "./demands.ts";

/** Stop sequences of a request; longer lists are refused. */
const MAX_STOP_SEQUENCES = 4;

/** What of a request becomes a prompt. */
export type PromptRequest =
  & Omit<TokenizeRequest, "model">
  & Pick<GenerationRequest, "toolChoice">;

/**
 * The prompt's tokens, see `Engine.tokenize`.
 *
 * @throws {InvalidRequestError} neither messages nor prompt, or both; see `TextModel.encodeChat`
 */
export function encodePrompt(text: TextModel, request: PromptRequest): number[] {
  const { messages, prompt, ...rest } = request;
  if ((messages === undefined) === (prompt === undefined)) {
    throw new InvalidRequestError("messages", "Give either messages or a prompt");
  }
  return messages === undefined
    ? text.encodeText(prompt!)
    : encodeMessages(messages, resolveTools(rest), text);
}

/**
 * Refuses a prompt that cannot fit even if all its tokens were the longest ones. To count the tokens of some megabytes would take
 * seconds, in which all other requests of the model wait.
 *
 * @throws {ContextLengthError}
 */
export function refuseHopeless(
  text: TextModel,
  { messages = [], prompt = "" }: Pick<PromptRequest, "messages" | "prompt">,
  { contextLength }: Pick<OutputBounds, "contextLength">,
): void {
  const numChars = messages.reduce((sum, { content }) => sum + content.length, prompt.length);
  if (numChars <= contextLength) return;
  const numTokens = Math.ceil(numChars / text.maxTokenBytes); // a character is at least a byte
  if (numTokens > contextLength) {
    throw new ContextLengthError(numTokens, 1, contextLength, { isAtLeast: true });
  }
}

/**
 * The text of tokens, see `Engine.detokenize`.
 *
 * @throws {InvalidRequestError} the vocabulary lacks a token
 */
export function decodeTokens(textModel: TextModel, tokens: readonly number[]): string {
  const detokenizer = textModel.createDetokenizer({ stop: [] });
  let text = "";
  for (const token of tokens) {
    if (!(Number.isInteger(token) && token >= 0 && token < textModel.numTokens)) {
      throw new InvalidRequestError(
        "tokens",
        `${token} is no token; the vocabulary has 0 to ${textModel.numTokens - 1}`,
      );
    }
    text += detokenizer.push(token).text;
  }
  return text + detokenizer.flush();
}

/** Bounds of a model's output. */
export interface OutputBounds {
  /** Tokens a sequence may hold. */
  readonly contextLength: number;
  /** Output tokens of a request that names no bound. */
  readonly defaultMaxTokens: number;
}

/**
 * Output tokens that a request may have.
 *
 * @param maxTokens what it asks for
 * @throws {InvalidRequestError | ContextLengthError} it asks for none, the prompt is empty, or both do not fit
 */
export function boundOutput(
  numPromptTokens: number,
  maxTokens: number | undefined,
  { contextLength, defaultMaxTokens }: OutputBounds,
): number {
  if (numPromptTokens === 0) {
    throw new InvalidRequestError("prompt", "The prompt is empty: there is nothing to go on from");
  }
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw new InvalidRequestError(
      "max_tokens",
      `maxTokens is ${maxTokens}; a whole number above 0 is needed`,
    );
  }
  const numLeft = contextLength - numPromptTokens;
  if (numLeft < (maxTokens ?? 1)) {
    throw new ContextLengthError(numPromptTokens, maxTokens ?? 1, contextLength);
  }
  return maxTokens ?? Math.min(defaultMaxTokens, numLeft);
}

/**
 * A request's stop sequences.
 *
 * @throws {InvalidRequestError} too many
 */
export function checkStop(stop: readonly string[] = []): readonly string[] {
  if (stop.length > MAX_STOP_SEQUENCES) {
    throw new InvalidRequestError(
      "stop",
      `${stop.length} stop sequences were given; at most ${MAX_STOP_SEQUENCES} are possible`,
    );
  }
  return stop;
}
