/**
 * A vocabulary as grammars see it: the bytes of each token, in the spelling that xgrammar calls `byte_level`.
 *
 * xgrammar lets any byte follow the first byte of a character. Here tokens that are no part of well-formed UTF-8 have no bytes, so
 * that no grammar allows them, and {@linkcode Utf8Guard} shuts the few continuations that a decoder would replace.
 *
 * @see https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506 table 3-7
 * @module
 */

/** What a grammar needs to know of a text model. */
export interface GrammarVocabulary {
  /** Ids below this have tokens. */
  readonly numTokens: number;
  /** Tokens that end an answer. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** A token's own bytes; empty for tokens that are no text. */
  tokenBytes(id: number): Uint8Array;
}

/** Second bytes that are legal behind a first byte, where not all continuation bytes are. */
const NARROW_SECOND_BYTES: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);

/** Spells every token for xgrammar; tokens that no grammar may use are empty. */
export function spellVocabulary(vocabulary: GrammarVocabulary): string[] {
  return Array.from({ length: vocabulary.numTokens }, (_, id) => {
    if (vocabulary.eosTokenIds.has(id)) return "";
    const bytes = vocabulary.tokenBytes(id);
    return isUtf8Fragment(bytes) ? spell(bytes) : "";
  });
}

/** Whether the bytes can stand somewhere in well-formed UTF-8. */
export function isUtf8Fragment(bytes: Uint8Array): boolean {
  let i = 0;
  while (i < 3 && isContinuation(bytes[i])) i++;
  while (i < bytes.length) {
    const first = bytes[i]!;
    const length = lengthOf(first);
    if (length === 0) return false;
    const [low, high] = NARROW_SECOND_BYTES.get(first) ?? [0x80, 0xbf];
    for (let k = 1; k < length && i + k < bytes.length; k++) {
      const byte = bytes[i + k]!;
      if (k === 1 ? byte < low || byte > high : !isContinuation(byte)) return false;
    }
    i += length;
  }
  return true;
}

/** Knows which tokens may follow a first byte that has fewer continuations than others. */
export class Utf8Guard {
  readonly #tokenBytes: (id: number) => Uint8Array;
  /** Tokens by their first byte, continuation bytes only. */
  readonly #continuing = new Map<number, number[]>();
  /** The narrow first byte that ends the text so far; null where any token may follow. */
  readonly #range = new Map<number, readonly [number, number]>();

  constructor(tokens: readonly string[]) {
    this.#tokenBytes = (id) => unspell(tokens[id] ?? "");
    for (let id = 0; id < tokens.length; id++) {
      const [first] = this.#tokenBytes(id);
      if (first === undefined || !isContinuation(first)) continue;
      const ids = this.#continuing.get(first);
      if (ids) ids.push(id);
      else this.#continuing.set(first, [id]);
    }
  }

  /** Remembers how sequence `key` ends after `token`. */
  accept(key: number, token: number): void {
    const last = this.#tokenBytes(token).at(-1);
    if (last === undefined) return;
    const range = NARROW_SECOND_BYTES.get(last);
    if (range) this.#range.set(key, range);
    else this.#range.delete(key);
  }

  /** Takes the tokens out of the mask that would make a malformed character. */
  restrict(key: number, mask: Int32Array): void {
    const range = this.#range.get(key);
    if (!range) return;
    const [low, high] = range;
    for (const [byte, ids] of this.#continuing) {
      if (byte >= low && byte <= high) continue;
      for (const id of ids) mask[id >> 5]! &= ~(1 << (id & 31));
    }
  }

  /** Forgets a sequence. */
  close(key: number): void {
    this.#range.delete(key);
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte <= 0xbf;
}

/** Bytes of the character that begins with this byte; 0 where none does. */
function lengthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the other 68 for U+0100 upwards. */
const CHAR_OF_BYTE: readonly string[] = (() => {
  let numMoved = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : 0x100 + numMoved++);
  });
})();
const BYTE_OF_CHAR: ReadonlyMap<string, number> = new Map(
  CHAR_OF_BYTE.map((char, byte) => [char, byte]),
);

function spell(bytes: Uint8Array): string {
  let spelled = "";
  for (const byte of bytes) spelled += CHAR_OF_BYTE[byte];
  return spelled;
}

function unspell(spelled: string): Uint8Array {
  return Uint8Array.from(spelled, (char) => BYTE_OF_CHAR.get(char)!);
}
