/**
 * Which tokens carry structure: control tokens, beginning and end of text.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../formats/mod.ts";
import type { ConvTemplate } from "./conv_template.ts";
import type { AddedToken, TokenizerFile } from "./tokenizer_file.ts";

/** Ends of a turn that templates of known families write; some packages name only one of a model's end tokens. */
const TURN_ENDS = [
  "<|im_end|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|end|>",
  "<end_of_turn>",
  "<|end_of_turn|>",
  "<|endoftext|>",
  "</s>",
];

/**
 * Control tokens: those marked special, and those that the chat template writes itself (`<tool_call>` is often not marked).
 *
 * @param templateSource the chat template's own text
 */
export function findControlTokens(file: TokenizerFile, templateSource: string): AddedToken[] {
  return file.addedTokens.filter((token) =>
    token.special || (token.content.trim() !== "" && templateSource.includes(token.content))
  );
}

/**
 * Tokens that the tokenizer puts before raw text. `add_bos_token` decides where it is given, else the post-processor.
 */
export function readBosTokenIds(file: TokenizerFile): number[] {
  const { add_bos_token } = file.config;
  if (add_bos_token === true) return findIds(file, [readTokenText(file.config.bos_token)]);
  if (add_bos_token === false) return [];
  return findIds(file, readTemplatePrefix(file.json.post_processor));
}

/**
 * Tokens that end an answer: the configuration's, the conversation template's, the tokenizer's own, and known ends of a turn that
 * the chat template writes.
 */
export function readEosTokenIds(
  file: TokenizerFile,
  chatConfig: JsonObject,
  conv: ConvTemplate | null,
  templateSource: string,
): ReadonlySet<number> {
  const configured = [chatConfig.eos_token_id].flat()
    .filter((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0);
  const special = new Set(file.addedTokens.filter((t) => t.special).map((t) => t.content));
  const turnEnds = TURN_ENDS.filter((text) => special.has(text) && templateSource.includes(text));
  return new Set([
    ...configured,
    ...conv?.stop_token_ids ?? [],
    ...findIds(file, [readTokenText(file.config.eos_token), ...turnEnds]),
  ]);
}

/** A token in `tokenizer_config.json`: its text, or an object around it. */
export function readTokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isJsonObject(value) && typeof value.content === "string" ? value.content : null;
}

/** Special tokens before the first sequence in a `TemplateProcessing` post-processor. */
function readTemplatePrefix(postProcessor: unknown): string[] {
  if (!isJsonObject(postProcessor)) return [];
  if (Array.isArray(postProcessor.processors)) {
    return postProcessor.processors.flatMap(readTemplatePrefix);
  }
  if (postProcessor.type !== "TemplateProcessing" || !Array.isArray(postProcessor.single)) {
    return [];
  }
  const prefix: string[] = [];
  for (const item of postProcessor.single) {
    const token: unknown = item?.SpecialToken?.id;
    if (typeof token !== "string") break;
    prefix.push(token);
  }
  return prefix;
}

function findIds(file: TokenizerFile, texts: readonly (string | null)[]): number[] {
  return texts.filter((text) => text !== null)
    .map((text) => file.tokens.indexOf(text))
    .filter((id) => id >= 0);
}
