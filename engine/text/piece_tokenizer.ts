/**
 * Plain text → token ids, by the `tokenizers` library's normalizer, pre-tokenizer and model. Knows no added and no control token:
 * `encoder.ts` has cut the text at those before.
 *
 * @module
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { ModelInvalidError } from "../errors.ts";
import { isJsonObject, type JsonObject } from "../formats/mod.ts";
import { hasNestedQuantifier } from "./pattern_check.ts";
import type { TokenizerFile } from "./tokenizer_file.ts";

/** Tokenizes text between added tokens. */
export interface PieceTokenizer {
  /** Whether `normalize` may change a text. */
  readonly hasNormalizer: boolean;
  /** The normalizer's form of a text; the text itself where there is none. */
  normalize(text: string): string;
  /**
   * Tokenizes normalized text.
   *
   * @param sectionIndex place among the sections of the whole text
   */
  encode(normalized: string, sectionIndex: number): number[];
}

/**
 * Builds the library's parts from `tokenizer.json` and tries them out, since many of its fields are read at first use only.
 *
 * @param controlLiterals texts that the model's own vocabulary must not find
 * @throws {ModelInvalidError} a part is damaged or unknown, or some character has no token
 */
export function createPieceTokenizer(
  file: TokenizerFile,
  controlLiterals: ReadonlySet<string>,
): PieceTokenizer {
  for (const part of ["normalizer", "pre_tokenizer"]) checkPatterns(file, part, file.json[part]);
  try {
    const pieces = build(file, controlLiterals);
    pieces.encode(pieces.normalize(PROBE), 0);
    return pieces;
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot use "${file.path}": ${(error as Error).message}; take the model's own tokenizer`,
      { cause: error },
    );
  }
}

/** The package's patterns run on text from users, so none may take time that grows with powers of two. */
function checkPatterns(file: TokenizerFile, part: string, value: unknown): void {
  if (Array.isArray(value)) return value.forEach((item) => checkPatterns(file, part, item));
  if (!isJsonObject(value)) return;
  const { Regex: pattern } = value;
  if (typeof pattern === "string" && (pattern.length > 4096 || hasNestedQuantifier(pattern))) {
    throw new ModelInvalidError(
      `Cannot use "${file.path}": a pattern of its ${part} repeats a repetition and may never end; ` +
        "take the model's own tokenizer",
    );
  }
  for (const item of Object.values(value)) checkPatterns(file, part, item);
}

function build(file: TokenizerFile, controlLiterals: ReadonlySet<string>): PieceTokenizer {
  const { json } = file;
  const { normalizer, pre_tokenizer, model } = new Tokenizer({
    model: hideLiterals(file.model, controlLiterals),
    normalizer: json.normalizer ?? null,
    pre_tokenizer: json.pre_tokenizer ?? null,
    post_processor: null,
    decoder: null,
    added_tokens: [],
  }, {});
  if (model === null) throw new Error("model is absent");
  // The unknown token may stand among the added tokens only.
  const unk = model.unk_token === undefined ? -1 : file.tokens.indexOf(model.unk_token);
  const unkId = model.unk_token_id ?? (unk < 0 ? undefined : unk);
  return {
    hasNormalizer: normalizer !== null,
    normalize: (text) => normalizer === null ? text : normalizer(text),
    encode(normalized, sectionIndex) {
      const words = pre_tokenizer === null
        ? [normalized]
        : pre_tokenizer(normalized, { section_index: sectionIndex });
      const tokens = model(words);
      // Where there is no unknown token, the library drops what it cannot spell.
      if (unkId === undefined && totalLength(tokens) < totalLength(words)) {
        throw new Error("some characters have no token");
      }
      return tokens.map((token) => {
        const id = model.tokens_to_ids.get(token) ?? unkId;
        if (id === undefined) throw new Error(`${JSON.stringify(token)} has no id`);
        return id;
      });
    },
  };
}

function totalLength(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/**
 * Takes literals out of the model's own vocabulary, where control tokens often stand a second time: models that look whole words
 * up, or weigh all pieces, would find them in ordinary text.
 */
function hideLiterals(model: JsonObject, literals: ReadonlySet<string>): JsonObject {
  const isHidden = (text: string) => literals.has(text) && text !== model.unk_token;
  const type = model.type ?? (Array.isArray(model.vocab) ? "Unigram" : "BPE");
  if (isJsonObject(model.vocab)) {
    const entries = Object.entries(model.vocab).filter(([text]) => !isHidden(text));
    const merges = readMerges(model).filter(([left, right]) => !isHidden(left + right));
    return { ...model, type, vocab: Object.fromEntries(entries), merges };
  }
  if (!Array.isArray(model.vocab)) return model;
  // Ids are places in the list: the entry stays, under a text that no input has (a lone surrogate and its number).
  const vocab = model.vocab.map(([text, score]: [string, number], id) =>
    isHidden(text) && id !== model.unk_id ? [`\ud800${id}`, score] : [text, score]
  );
  return { ...model, type, vocab };
}

/** Pairs to merge, in order of rank; what they make must be in the vocabulary, or text would vanish. */
function readMerges(model: JsonObject): [left: string, right: string][] {
  const { merges, vocab } = model;
  if (!Array.isArray(merges)) throw new Error("model.merges is not a list");
  return merges.map((merge: unknown, rank) => {
    const [left, right] = typeof merge === "string" ? merge.split(" ", 2) : merge as unknown[];
    if (typeof left !== "string" || typeof right !== "string") {
      throw new Error(`model.merges[${rank}] is not a pair of texts`);
    }
    if (!Object.hasOwn(vocab as JsonObject, left + right)) {
      throw new Error(
        `model.merges[${rank}] makes ${JSON.stringify(left + right)}, which has no id`,
      );
    }
    return [left, right];
  });
}

/** Every byte that UTF-8 text can have: ASCII, then a character for each lead byte and each continuation byte. */
const PROBE = String.fromCodePoint(
  ...Array.from({ length: 0x80 }, (_, i) => i),
  ...Array.from({ length: 64 }, (_, i) => 0x80 + i * 31),
  ...Array.from({ length: 16 }, (_, i) => Math.max(0x800, i * 0x1000)),
  ...[0x10000, 0x40000, 0x80000, 0xc0000, 0x100000],
);
