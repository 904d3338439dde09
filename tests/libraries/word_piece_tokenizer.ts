/**
 * A `tokenizer.json` of the BERT kind with letters, digits and some words.
 *
 * @module
 */
import { bertTokenizer } from "../support/tokenizer.ts";

/** Ids that BERT's vocabularies give these tokens. */
export const CLS = 101;
export const SEP = 102;
const UNKNOWN = 100;
const FIRST_LETTER = 1000;

/** @param vocabSize ids that are no letter stand for unused tokens */
export function wordPieceTokenizer(vocabSize: number): Record<string, unknown> {
  const vocab: Record<string, number> = {
    "[PAD]": 0,
    "[UNK]": UNKNOWN,
    "[CLS]": CLS,
    "[SEP]": SEP,
  };
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?!";
  [...letters].forEach((letter, i) => {
    vocab[letter] = FIRST_LETTER + 2 * i;
    vocab[`##${letter}`] = FIRST_LETTER + 2 * i + 1;
  });
  const used = new Set(Object.values(vocab));
  for (let id = 0; id < vocabSize; id++) if (!used.has(id)) vocab[`[unused${id}]`] = id;
  return bertTokenizer(vocab);
}
