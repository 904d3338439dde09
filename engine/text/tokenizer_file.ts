/**
 * Reads `tokenizer.json` and `tokenizer_config.json` into checked, named parts. Untrusted data: sizes and ids are bounded here.
 *
 * @module
 */
import { join } from "node:path";
import { ModelInvalidError } from "../errors.ts";
import {
  invalidField,
  isJsonObject,
  type JsonObject,
  MAX_TOKENIZER_BYTES,
  readJsonInside,
} from "../formats/mod.ts";
import { MODEL_TYPES, type ModelType } from "./tokenizer/models.ts";

/** A token that is matched as a whole before any other rule. */
export interface AddedToken {
  /** Vocabulary index. */
  id: number;
  /** The text that becomes this token. */
  content: string;
  /** Marks structure, not text: never shown and never made from foreign text. */
  special: boolean;
  /** Swallows white space before it. */
  lstrip: boolean;
  /** Swallows white space after it. */
  rstrip: boolean;
  /** Matched after the normalizer instead of before it. */
  normalized: boolean;
}

/** A tokenizer as its files describe it. */
export interface TokenizerFile {
  /** Path for messages. */
  path: string;
  /** The whole `tokenizer.json`. */
  json: JsonObject;
  /** Its model part. */
  model: JsonObject;
  /** Kind of the model. */
  modelType: ModelType;
  /** The model's own tokens, text and id; a text given twice counts as last given. */
  modelVocab: readonly (readonly [text: string, id: number])[];
  /** Token text by id, added tokens included; holes are possible. */
  tokens: ReadonlyArray<string | undefined>;
  /** In the order of the file. */
  addedTokens: readonly AddedToken[];
  /** `tokenizer_config.json`, empty when absent. */
  config: JsonObject;
}

/** Ids above this are not credible and would size tables. */
const MAX_TOKEN_ID = 4_194_303;
/** Characters of an added token; real ones stay below 100. */
const MAX_ADDED_TOKEN_LENGTH = 512;
/** Characters of all added tokens; the 6,400 of Gemma 3 have about 80,000. */
const MAX_ADDED_CHARACTERS = 262_144;

/**
 * Reads the tokenizer of a package.
 *
 * @param vocabSize rows of the model's embedding
 * @throws {ModelInvalidError} absent, damaged, or its ids do not fit the vocabulary
 */
export async function readTokenizerFile(dir: string, vocabSize: number): Promise<TokenizerFile> {
  const path = join(dir, "tokenizer.json");
  const json = await readJsonInside(dir, "tokenizer.json", MAX_TOKENIZER_BYTES);
  if (json === null) {
    throw new ModelInvalidError(
      `Cannot open "${dir}": it has no tokenizer.json; download the package again`,
    );
  }
  const model = json.model;
  if (!isJsonObject(model)) throw invalidField(path, "model", model, "an object");
  if (model.type !== undefined && !MODEL_TYPES.includes(model.type)) {
    throw invalidField(path, "model.type", model.type, MODEL_TYPES.join(", "));
  }
  const addedTokens = readAddedTokens(path, json.added_tokens);
  const modelVocab = readVocabulary(path, model);
  const tokens: Array<string | undefined> = [];
  for (const [text, id] of modelVocab) tokens[id] = text;
  for (const token of addedTokens) tokens[token.id] = token.content;
  if (tokens.length > vocabSize) {
    throw new ModelInvalidError(
      `Cannot use "${path}": its ids go up to ${tokens.length - 1}, the model's vocabulary has ` +
        `${vocabSize} entries; take the tokenizer that belongs to the model`,
    );
  }
  const config = await readJsonInside(dir, "tokenizer_config.json", MAX_TOKENIZER_BYTES) ?? {};
  const modelType = chooseModelType(model);
  return { path, json, model, modelType, modelVocab, tokens, addedTokens, config };
}

/**
 * Id of a token by its text; added tokens first. Walks the vocabulary, whose ids may lie too far apart for a table by id to be
 * walked.
 */
export function findTokenId(
  { addedTokens, modelVocab }: Pick<TokenizerFile, "addedTokens" | "modelVocab">,
  text: string,
): number | undefined {
  return addedTokens.find(({ content }) => content === text)?.id ??
    modelVocab.find(([own]) => own === text)?.[1];
}

/** Older files name no type; their fields tell. */
function chooseModelType(model: JsonObject): ModelType {
  if (model.type !== undefined) return model.type as ModelType;
  if (Array.isArray(model.vocab)) return "Unigram";
  return model.merges === undefined && model.continuing_subword_prefix !== undefined
    ? "WordPiece"
    : "BPE";
}

function readAddedTokens(path: string, value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidField(path, "added_tokens", value, "a list");
  let numCharacters = 0;
  return value.map((token: unknown, i) => {
    if (!isJsonObject(token)) throw invalidField(path, `added_tokens[${i}]`, token, "an object");
    const { id, content } = token;
    checkId(path, `added_tokens[${i}].id`, id);
    if (typeof content !== "string" || content === "" || content.length > MAX_ADDED_TOKEN_LENGTH) {
      throw invalidField(
        path,
        `added_tokens[${i}].content`,
        content,
        `1 to ${MAX_ADDED_TOKEN_LENGTH} characters`,
      );
    }
    numCharacters += content.length;
    if (numCharacters > MAX_ADDED_CHARACTERS) {
      throw invalidField(
        path,
        "length of all added_tokens",
        numCharacters,
        `at most ${MAX_ADDED_CHARACTERS} characters`,
      );
    }
    const special = token.special === true;
    return {
      id,
      content,
      special,
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
      normalized: typeof token.normalized === "boolean" ? token.normalized : !special,
    };
  });
}

/** BPE and WordPiece map text to id, Unigram lists [text, score]. */
function readVocabulary(path: string, model: JsonObject): [text: string, id: number][] {
  const { vocab } = model;
  if (model.type === "Unigram" ? !Array.isArray(vocab) : !isVocabulary(model, vocab)) {
    throw invalidField(path, "model.vocab", vocab, "a table of tokens");
  }
  const entries = Array.isArray(vocab)
    ? vocab.map((entry: unknown, id): [string, number] => {
      if (!Array.isArray(entry) || typeof entry[0] !== "string" || !Number.isFinite(entry[1])) {
        throw invalidField(path, `model.vocab[${id}]`, entry, "a pair of text and score");
      }
      return [entry[0], id];
    })
    : Object.entries(vocab as JsonObject).map(([text, id]): [string, number] => {
      checkId(path, `model.vocab[${JSON.stringify(text.slice(0, 60))}]`, id);
      return [text, id];
    });
  if (entries.length === 0) throw invalidField(path, "model.vocab", vocab, "at least 1 token");
  return entries;
}

/** Whether a vocabulary fits a model that is not called Unigram; one without a name may be. */
function isVocabulary(model: JsonObject, vocab: unknown): boolean {
  return isJsonObject(vocab) || (model.type === undefined && Array.isArray(vocab));
}

function checkId(path: string, field: string, id: unknown): asserts id is number {
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > MAX_TOKEN_ID) {
    throw invalidField(path, field, id, `a whole number from 0 to ${MAX_TOKEN_ID}`);
  }
}
