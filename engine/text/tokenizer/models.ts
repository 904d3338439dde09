/**
 * The models of `tokenizer.json`, by name.
 *
 * @module
 */
import { createBpe } from "./bpe.ts";
import type { ModelParts, SpellWord } from "./model_parts.ts";
import { createUnigram } from "./unigram.ts";
import { createWordPiece } from "./word_piece.ts";

const MODELS = { BPE: createBpe, Unigram: createUnigram, WordPiece: createWordPiece };

/** Name of a model that is read. */
export type ModelType = keyof typeof MODELS;

/** Names of the models that are read. */
export const MODEL_TYPES: readonly unknown[] = Object.keys(MODELS);

/**
 * Builds a model.
 *
 * @throws {Error} a field is damaged
 */
export function createModel(type: ModelType, parts: ModelParts): SpellWord {
  return MODELS[type](parts);
}
