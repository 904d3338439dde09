/**
 * BERT's WordPiece model: the longest piece that begins a word, then the longest that goes on, and so forth.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/wordpiece/mod.rs
 * @module
 */
import type { ModelParts, SpellWord } from "./model_parts.ts";
import { readShortText } from "./steps.ts";

/** Longer words are unknown; the time of a word grows with the square of its length. */
const DEFAULT_MAX_WORD_LENGTH = 100;
const MAX_WORD_LENGTH = 1000;

/**
 * Builds a WordPiece model.
 *
 * @throws {Error} it has no token for unknown words, or a field is damaged
 */
export function createWordPiece({ model, vocab, unkId }: ModelParts): SpellWord {
  if (unkId === null) throw new RangeError("model.unk_token is not in the vocabulary");
  const prefix = readShortText({ ...model, type: "WordPiece" }, "continuing_subword_prefix", "##");
  const maxLength = model.max_input_chars_per_word ?? DEFAULT_MAX_WORD_LENGTH;
  if (!(typeof maxLength === "number" && maxLength >= 1 && maxLength <= MAX_WORD_LENGTH)) {
    throw new RangeError(
      `model.max_input_chars_per_word is not a number from 1 to ${MAX_WORD_LENGTH}`,
    );
  }
  return (word) => {
    // Counts code units first: most words are short.
    if (word.length > maxLength && [...word].length > maxLength) return [unkId];
    return spellByLongest(word, vocab, prefix) ?? [unkId];
  };
}

/** Null if some part has no piece. */
function spellByLongest(
  word: string,
  vocab: ReadonlyMap<string, number>,
  prefix: string,
): number[] | null {
  const ids: number[] = [];
  for (let start = 0; start < word.length;) {
    let end = word.length;
    let id: number | undefined;
    for (; end > start; end--) {
      id = vocab.get((start === 0 ? "" : prefix) + word.slice(start, end));
      if (id !== undefined) break;
    }
    if (id === undefined) return null;
    ids.push(id);
    start = end;
  }
  return ids;
}
