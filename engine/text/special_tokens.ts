/**
 * Which tokens carry structure: control tokens, beginning and end of text.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import { isJsonObject, type JsonObject } from "../formats/mod.ts";
import type { ConvTemplate } from "./template/conv_template.ts";
import { readTokenFrame, type TokenFrame } from "./tokenizer/post_processor.ts";
import { type AddedToken, findTokenId, type TokenizerFile } from "./tokenizer_file.ts";

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
 * Control tokens: those marked special, those that the chat template writes itself (`<tool_call>` is often not marked), and those
 * that answers are parsed by, which no template need write (`</think>`).
 *
 * @param templateSource the chat template's own text
 * @param markers literals that answers are parsed by
 */
export function findControlTokens(
  file: TokenizerFile,
  templateSource: string,
  markers: readonly string[],
): AddedToken[] {
  return file.addedTokens.filter((token) =>
    token.special || markers.includes(token.content) ||
    (token.content.trim() !== "" && templateSource.includes(token.content))
  );
}

/**
 * Tokens that the tokenizer puts around raw text. `add_bos_token` and `add_eos_token` decide where they are given, else the
 * post-processor.
 *
 * @throws {ModelInvalidError} the post-processor is damaged
 */
export function readFrame(file: TokenizerFile): TokenFrame {
  const { config } = file;
  try {
    const frame = readTokenFrame(file.json.post_processor, (text) => findTokenId(file, text));
    const choose = (flag: unknown, token: unknown, ids: readonly number[]) => {
      if (flag === true) return findIds(file, [readTokenText(token)]);
      return flag === false ? [] : ids;
    };
    return {
      before: choose(config.add_bos_token, config.bos_token, frame.before),
      after: choose(config.add_eos_token, config.eos_token, frame.after),
    };
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot use "${file.path}": ${(error as Error).message}; take the model's own tokenizer`,
      { cause: error },
    );
  }
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

function findIds(file: TokenizerFile, texts: readonly (string | null)[]): number[] {
  return texts.filter((text) => text !== null)
    .map((text) => findTokenId(file, text))
    .filter((id) => id !== undefined);
}
