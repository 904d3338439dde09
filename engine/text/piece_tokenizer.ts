/**
 * Plain text → token ids: normalizer, pre-tokenizer and model of `tokenizer.json`. Knows no added and no control token:
 * `encoder.ts` has cut the text at those before.
 *
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import type { ModelParts } from "./tokenizer/model_parts.ts";
import { createModel } from "./tokenizer/models.ts";
import { createNormalizer } from "./tokenizer/normalizers.ts";
import { createPreTokenizer } from "./tokenizer/pre_tokenizers.ts";
import { findTokenId, type TokenizerFile } from "./tokenizer_file.ts";

/** Tokenizes text between added tokens. */
export interface PieceTokenizer {
  /** Whether `normalize` may change a text. */
  readonly hasNormalizer: boolean;
  /** The normalizer's form of a text; the text itself where there is none. */
  normalize(text: string): string;
  /**
   * Tokenizes normalized text.
   *
   * @param isFirst the text begins where the whole text begins
   */
  encode(normalized: string, isFirst: boolean): number[];
}

/**
 * Builds the parts of `tokenizer.json` and tries them out.
 *
 * @param controlLiterals texts that the model's own vocabulary must not find
 * @throws {ModelInvalidError} a part is damaged or unknown, or some character has no token
 */
export function createPieceTokenizer(
  file: TokenizerFile,
  controlLiterals: ReadonlySet<string>,
): PieceTokenizer {
  try {
    const pieces = build(file, controlLiterals);
    pieces.encode(pieces.normalize(PROBE), true);
    return pieces;
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot use "${file.path}": ${(error as Error).message}; take the model's own tokenizer`,
      { cause: error },
    );
  }
}

function build(file: TokenizerFile, controlLiterals: ReadonlySet<string>): PieceTokenizer {
  const normalizer = createNormalizer(file.json.normalizer);
  const preTokenize = createPreTokenizer(file.json.pre_tokenizer);
  const spell = createModel(file.modelType, readModelParts(file, controlLiterals));
  return {
    hasNormalizer: normalizer !== null,
    normalize: (text) => normalizer === null ? text : normalizer(text),
    encode(normalized, isFirst) {
      const ids: number[] = [];
      for (const word of preTokenize([normalized], isFirst)) {
        for (const id of spell(word)) ids.push(id);
      }
      return ids;
    },
  };
}

/**
 * The model's vocabulary without control literals, which often stand there a second time: models that look whole words up, or
 * weigh all pieces, would find them in ordinary text.
 */
function readModelParts(file: TokenizerFile, controlLiterals: ReadonlySet<string>): ModelParts {
  const { model, modelVocab } = file;
  const unkId = readUnkId(file);
  const hiddenTexts = new Set(controlLiterals);
  if (unkId !== null) hiddenTexts.delete(file.tokens[unkId]!);
  const vocab = new Map<string, number>();
  for (const [text, id] of modelVocab) if (!hiddenTexts.has(text)) vocab.set(text, id);
  return { model, vocab, hiddenTexts, unkId };
}

/** The token of what cannot be spelled. It may stand among the added tokens only. */
function readUnkId(file: TokenizerFile): number | null {
  const { model, modelType, tokens } = file;
  const unk = modelType === "Unigram" ? model.unk_id : model.unk_token;
  if (unk === undefined || unk === null) return null;
  const id = typeof unk === "string" ? findTokenId(file, unk) : unk;
  if (typeof id !== "number" || tokens[id] === undefined) {
    throw new RangeError("the model's unknown token is not there");
  }
  return id;
}

/** Every byte that UTF-8 text can have: ASCII, then a character for each lead byte and each continuation byte. */
const PROBE = String.fromCodePoint(
  ...Array.from({ length: 0x80 }, (_, i) => i),
  ...Array.from({ length: 64 }, (_, i) => 0x80 + i * 31),
  ...Array.from({ length: 16 }, (_, i) => Math.max(0x800, i * 0x1000)),
  ...[0x10000, 0x40000, 0x80000, 0xc0000, 0x100000],
);
