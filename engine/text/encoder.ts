/**
 * Text → token ids. Control tokens are matched on the text as it stands; sentinels are taken out only afterwards, so protected
 * text can never match one. The rest follows the `tokenizers` library's order: added tokens, normalizer, added tokens on normalized
 * text, pre-tokenizer, model.
 *
 * @module
 */
import { Tokenizer } from "@huggingface/tokenizers";
import { ModelInvalidError } from "../errors.ts";
import { isJsonObject, type JsonObject } from "../formats/mod.ts";
import { removeSentinel, type Sentinel } from "./guard.ts";
import { TokenTrie } from "./token_trie.ts";
import type { AddedToken, TokenizerFile } from "./tokenizer_file.ts";

/** A piece of text, or an added token standing in it. */
type Section = string | AddedToken;

/** Tokenizes text whose control tokens are known. */
export class TextEncoding {
  readonly #tokenizer: Tokenizer;
  readonly #controlTokens = new TokenTrie<AddedToken>();
  /** Other added tokens, matched before the normalizer. */
  readonly #rawTokens = new TokenTrie<AddedToken>();
  /** Other added tokens, matched after the normalizer. */
  readonly #normalizedTokens = new TokenTrie<AddedToken>();

  /**
   * @param controlTokens tokens that only literals outside protected text become
   * @throws {ModelInvalidError} the tokenizer is of a kind that the library does not read
   */
  constructor(file: TokenizerFile, controlTokens: ReadonlySet<AddedToken>) {
    this.#tokenizer = createTokenizer(file, controlTokens);
    const normalizer = this.#tokenizer.normalizer;
    for (const token of file.addedTokens) {
      if (controlTokens.has(token)) {
        this.#controlTokens.add(token.content, token);
      } else if (!token.normalized || normalizer === null) {
        this.#rawTokens.add(token.content, token);
      } else {
        this.#normalizedTokens.add(normalizer(token.content), token);
      }
    }
  }

  /** Tokenizes text in which the sentinel marks protected literals. */
  encode(text: string, sentinel: Sentinel): number[] {
    const sections = splitSections(text, this.#controlTokens).flatMap((section) =>
      typeof section === "string"
        ? splitSections(removeSentinel(section, sentinel), this.#rawTokens)
        : [section]
    );
    stripAroundTokens(sections);
    const ids: number[] = [];
    for (const [index, section] of sections.entries()) {
      if (typeof section !== "string") ids.push(section.id);
      else for (const id of this.#encodeSection(section, index)) ids.push(id);
    }
    return ids;
  }

  /** @param index place among the sections: some pre-tokenizers put a space before the first only */
  #encodeSection(text: string, index: number): number[] {
    const { normalizer, pre_tokenizer, model } = this.#tokenizer;
    if (text === "" || model === null) return [];
    const normalized = normalizer === null ? text : normalizer(text);
    const sections = splitSections(normalized, this.#normalizedTokens);
    stripAroundTokens(sections);
    return sections.flatMap((section) => {
      if (typeof section !== "string") return [section.id];
      if (section === "") return [];
      const words = pre_tokenizer === null
        ? [section]
        : pre_tokenizer(section, { section_index: index });
      return model(words).map((token) => model.tokens_to_ids.get(token) ?? model.unk_token_id!);
    });
  }
}

/** Splits at the leftmost, longest literals. */
function splitSections(text: string, tokens: TokenTrie<AddedToken>): Section[] {
  const sections: Section[] = [];
  let start = 0;
  for (let i = 0; i < text.length;) {
    const match = tokens.matchAt(text, i);
    if (match === null) {
      i++;
      continue;
    }
    if (i > start) sections.push(text.slice(start, i));
    sections.push(match.value);
    start = i = match.end;
  }
  if (start < text.length) sections.push(text.slice(start));
  return sections;
}

/** Drops the white space that `lstrip` and `rstrip` tokens swallow. */
function stripAroundTokens(sections: Section[]): void {
  for (const [i, section] of sections.entries()) {
    if (typeof section === "string") continue;
    const before = sections[i - 1];
    const after = sections[i + 1];
    if (section.lstrip && typeof before === "string") sections[i - 1] = before.trimEnd();
    if (section.rstrip && typeof after === "string") sections[i + 1] = after.trimStart();
  }
}

/** The library's parts, without its own matching of added tokens. */
function createTokenizer(file: TokenizerFile, controlTokens: ReadonlySet<AddedToken>): Tokenizer {
  const { json } = file;
  const model = hideControlTokens(file.model, controlTokens);
  try {
    const tokenizer = new Tokenizer({
      model,
      normalizer: json.normalizer ?? null,
      pre_tokenizer: json.pre_tokenizer ?? null,
      post_processor: null,
      decoder: null,
      added_tokens: [],
    }, {});
    // The unknown token may stand among the added tokens only.
    const unk = file.tokens.indexOf(tokenizer.model?.unk_token);
    if (tokenizer.model !== null && unk >= 0) tokenizer.model.unk_token_id ??= unk;
    return tokenizer;
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot use "${file.path}": ${(error as Error).message}; the model needs another tokenizer`,
      { cause: error },
    );
  }
}

/**
 * Takes the control tokens out of the model's own vocabulary, where they often stand a second time: models that look whole words
 * up, or weigh all pieces, would find them in ordinary text.
 */
function hideControlTokens(
  model: JsonObject,
  controlTokens: ReadonlySet<AddedToken>,
): JsonObject {
  const unk = typeof model.unk_token === "string" ? model.unk_token : null;
  const hidden = new Set([...controlTokens].map((token) => token.content));
  if (unk !== null) hidden.delete(unk);
  if (isJsonObject(model.vocab)) {
    const entries = Object.entries(model.vocab).filter(([text]) => !hidden.has(text));
    return { ...model, vocab: Object.fromEntries(entries) };
  }
  if (!Array.isArray(model.vocab)) return model;
  // Ids are places in the list: the entry stays, under a text that no input has (a lone surrogate and its number).
  const vocab = model.vocab.map(([text, score]: [string, number], id) =>
    hidden.has(text) && id !== model.unk_id ? [`\ud800${id}`, score] : [text, score]
  );
  return { ...model, vocab };
}
