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
  /** Token text by id, added tokens included; holes are possible. */
  tokens: ReadonlyArray<string | undefined>;
  /** In the order of the file. */
  addedTokens: readonly AddedToken[];
  /** `tokenizer_config.json`, empty when absent. */
  config: JsonObject;
}

/** The models of language models; WordPiece and WordLevel belong to encoders. */
const MODEL_TYPES: readonly unknown[] = ["BPE", "Unigram"];
/** Ids above this are not credible and would size tables. */
const MAX_TOKEN_ID = 4_194_303;
/** Characters of an added token; real ones stay below 100. */
const MAX_ADDED_TOKEN_LENGTH = 512;

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
  // Older files name no type; the library tells them apart by their fields.
  if (model.type !== undefined && !MODEL_TYPES.includes(model.type)) {
    throw invalidField(path, "model.type", model.type, MODEL_TYPES.join(" or "));
  }
  const addedTokens = readAddedTokens(path, json.added_tokens);
  const tokens = readVocabulary(path, model);
  for (const token of addedTokens) tokens[token.id] = token.content;
  if (tokens.length > vocabSize) {
    throw new ModelInvalidError(
      `Cannot use "${path}": its ids go up to ${tokens.length - 1}, the model's vocabulary has ` +
        `${vocabSize} entries; take the tokenizer that belongs to the model`,
    );
  }
  const config = await readJsonInside(dir, "tokenizer_config.json", MAX_TOKENIZER_BYTES) ?? {};
  return { path, json, model, tokens, addedTokens, config };
}

function readAddedTokens(path: string, value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalidField(path, "added_tokens", value, "a list");
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

/** Token texts by id: BPE and WordPiece map text to id, Unigram lists [text, score]. */
function readVocabulary(path: string, model: JsonObject): Array<string | undefined> {
  const tokens: Array<string | undefined> = [];
  const { vocab } = model;
  if (Array.isArray(vocab)) {
    for (const [id, entry] of vocab.entries()) {
      if (!Array.isArray(entry) || typeof entry[0] !== "string" || !Number.isFinite(entry[1])) {
        throw invalidField(path, `model.vocab[${id}]`, entry, "a pair of text and score");
      }
      tokens[id] = entry[0];
    }
  } else if (isJsonObject(vocab)) {
    for (const [text, id] of Object.entries(vocab)) {
      checkId(path, `model.vocab[${JSON.stringify(text)}]`, id);
      tokens[id] = text;
    }
  } else {
    throw invalidField(path, "model.vocab", vocab, "a table of tokens");
  }
  if (tokens.length === 0) throw invalidField(path, "model.vocab", vocab, "at least 1 token");
  return tokens;
}

function checkId(path: string, field: string, id: unknown): asserts id is number {
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > MAX_TOKEN_ID) {
    throw invalidField(path, field, id, `a whole number from 0 to ${MAX_TOKEN_ID}`);
  }
}
