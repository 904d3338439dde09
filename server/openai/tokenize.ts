/**
 * Text to token ids and back, in vLLM's shapes.
 *
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#tokenizer-api
 * @module
 */
import type { AppContext, Services } from "../context.ts";
import { badRequest } from "../errors.ts";
import { admitReference } from "../model_reference.ts";
import { DetokenizeRequest, TokenizeRequest } from "../schema/completions.ts";
import { parseOpenAi } from "../schema/parse.ts";
import { toToolOptions } from "./chat_tools.ts";
import { toChatMessages } from "./messages.ts";

/** `POST /v1/tokenize`: the ids that a completion, or a chat completion, of the same text would read. */
export function tokenize({ engine, defaults }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const request = parseOpenAi(TokenizeRequest, c.get("body"));
    refuseUnsupported(request);
    const model = admitReference(request.model ?? defaults.model, defaults);
    const tokens = await engine.tokenize({ model, ...toSource(request) });
    const { contextLength } = await engine.plan({ model });
    return c.json({ count: tokens.length, max_model_len: contextLength, tokens, token_strs: null });
  };
}

/** `POST /v1/detokenize`: special tokens have no text. */
export function detokenize({ engine, defaults }: Services) {
  return async (c: AppContext): Promise<Response> => {
    const { model, tokens } = parseOpenAi(DetokenizeRequest, c.get("body"));
    const reference = admitReference(model ?? defaults.model, defaults);
    return c.json({ prompt: await engine.detokenize(reference, tokens) });
  };
}

function toSource({ prompt, messages, tools }: TokenizeRequest) {
  const hasPrompt = typeof prompt === "string";
  if (hasPrompt === Boolean(messages)) {
    throw badRequest("prompt", 'Invalid "prompt": send either "prompt" or "messages"');
  }
  if (hasPrompt) return { prompt };
  const { tools: offered } = toToolOptions({ tools });
  return {
    messages: toChatMessages(messages!),
    ...(offered === undefined ? {} : { tools: offered }),
  };
}

/** Ids are those that the engine would read; other ones would mislead whoever counts them. */
function refuseUnsupported(request: TokenizeRequest): void {
  const isChat = Boolean(request.messages);
  const unsupported = {
    add_special_tokens: request.add_special_tokens === isChat,
    add_generation_prompt: request.add_generation_prompt === false,
    continue_final_message: request.continue_final_message === true,
    return_token_strs: request.return_token_strs === true,
  };
  for (const [field, isAsked] of Object.entries(unsupported)) {
    if (!isAsked) continue;
    throw badRequest(
      field,
      `Invalid "${field}": ids are given as a completion would read them, and without their texts`,
      "unsupported_value",
    );
  }
}
