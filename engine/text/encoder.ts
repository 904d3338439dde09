/**
 * Text → token ids. Control tokens are matched on the text as it stands; sentinels are taken out only afterwards, so protected
 * text can never match one. The rest follows the `tokenizers` library's order: added tokens, normalizer, added tokens on normalized
 * text, pre-tokenizer, model.
 *
 * @module
 */
import { InvalidRequestError } from "../errors.ts";
import { removeSentinel, type Sentinel } from "./guard.ts";
import { TextLimitError } from "./limit_error.ts";
import { createPieceTokenizer, type PieceTokenizer } from "./piece_tokenizer.ts";
import { TokenTrie } from "./token_trie.ts";
import type { AddedToken, TokenizerFile } from "./tokenizer_file.ts";

/** A piece of text, or an added token standing in it. */
type Section = string | AddedToken;

/** Tokenizes text whose control tokens are known. */
export class TextEncoding {
  readonly #pieces: PieceTokenizer;
  readonly #controlTokens = new TokenTrie<AddedToken>();
  /** Other added tokens, matched before the normalizer. */
  readonly #rawTokens = new TokenTrie<AddedToken>();
  /** Other added tokens, matched after the normalizer. */
  readonly #normalizedTokens = new TokenTrie<AddedToken>();

  /**
   * @param controlTokens tokens that only literals outside protected text become
   * @throws {ModelInvalidError} the tokenizer is damaged or of a kind that is not read
   */
  constructor(file: TokenizerFile, controlTokens: ReadonlySet<AddedToken>) {
    const literals = new Set([...controlTokens].map((token) => token.content));
    this.#pieces = createPieceTokenizer(file, literals);
    for (const token of file.addedTokens) {
      if (controlTokens.has(token)) {
        this.#controlTokens.add(token.content, token);
      } else if (!token.normalized || !this.#pieces.hasNormalizer) {
        this.#rawTokens.add(token.content, token);
      } else {
        this.#normalizedTokens.add(this.#pieces.normalize(token.content), token);
      }
    }
  }

  /**
   * Tokenizes text in which the sentinel marks protected literals.
   *
   * @throws {InvalidRequestError} the tokenizer would need too many steps
   */
  encode(text: string, sentinel: Sentinel): number[] {
    try {
      return this.#encode(text, sentinel);
    } catch (error) {
      if (!(error instanceof TextLimitError)) throw error;
      throw new InvalidRequestError(
        "messages",
        `Cannot tokenize the text: ${error.message}; shorten runs of like characters`,
      );
    }
  }

  #encode(text: string, sentinel: Sentinel): number[] {
    // Half a surrogate pair is no character: it becomes U+FFFD here and not differently in each part.
    const sections = splitSections(text.toWellFormed(), this.#controlTokens).flatMap((section) =>
      typeof section === "string"
        ? splitSections(removeSentinel(section, sentinel), this.#rawTokens)
        : [section]
    );
    stripAroundTokens(sections);
    const ids: number[] = [];
    for (const [index, section] of sections.entries()) {
      if (typeof section !== "string") ids.push(section.id);
      else for (const id of this.#encodeSection(section, index === 0)) ids.push(id);
    }
    return ids;
  }

  /** @param isFirst some pre-tokenizers put a space before the first section only */
  #encodeSection(text: string, isFirst: boolean): number[] {
    if (text === "") return [];
    const sections = splitSections(this.#pieces.normalize(text), this.#normalizedTokens);
    stripAroundTokens(sections);
    return sections.flatMap((section, i) => {
      if (typeof section !== "string") return [section.id];
      return section === "" ? [] : this.#pieces.encode(section, isFirst && i === 0);
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
