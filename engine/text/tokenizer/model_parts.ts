/**
 * What the models of `tokenizer.json` have in common.
 *
 * @module
 */
import type { JsonObject } from "../../formats/mod.ts";

/** What a model is built from. */
export interface ModelParts {
  /** The file's `model`. */
  model: JsonObject;
  /** Ids by text; only what ordinary text may become. */
  vocab: ReadonlyMap<string, number>;
  /** Texts of the model's vocabulary that ordinary text may not become. */
  hiddenTexts: ReadonlySet<string>;
  /** Stands for what cannot be spelled; null where the model has none. */
  unkId: number | null;
}

/**
 * Spells a word in tokens.
 *
 * @throws {Error} a character has no token, and the model has none for unknown ones
 */
export type SpellWord = (word: string) => readonly number[];

/** Spells text as tokens `<0x00>` to `<0xFF>`; null if one of them is not in the vocabulary. */
export type SpellBytes = (text: string) => readonly number[] | null;

/** Reads `byte_fallback`: how to spell what is not in the vocabulary. */
export function createByteFallback({ model, vocab }: ModelParts): SpellBytes {
  if (model.byte_fallback !== true) return () => null;
  const byteIds = Array.from(
    { length: 256 },
    (_, byte) => vocab.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
  return (text) => {
    const ids: number[] = [];
    for (const byte of new TextEncoder().encode(text)) {
      const id = byteIds[byte];
      if (id === undefined) return null;
      ids.push(id);
    }
    return ids;
  };
}

/** The error of a character that cannot be spelled. */
export function withoutToken(): Error {
  return new RangeError("some characters have no token");
}
