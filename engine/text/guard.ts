/**
 * Keeps text from outside from becoming control tokens.
 *
 * A chat template mixes its own text with text from users, and its filters (trim, tojson, split) work on both, so the two cannot
 * be told apart afterwards. Instead every control literal in foreign text is broken before rendering by a **sentinel**, a private
 * character that occurs nowhere in the input. The encoder first looks for control literals, then takes the sentinels out: the
 * user's `<|im_end|>` is then plain characters again and is tokenized as such.
 *
 * A literal may also be completed across a seam: the template writes `<`, a function is called `|im_end|`, the template writes
 * `>`. Text that begins inside a literal, or ends inside one, is therefore broken at that edge as well.
 *
 * @module
 */
import { InvalidRequestError } from "../errors.ts";
import { TokenTrie } from "./token_trie.ts";

/** Noncharacters first: Unicode keeps them for a program's internal use. Then the private use area. */
const SENTINEL_RANGES = [[0xfdd0, 0xfdef], [0xe000, 0xf8ff]] as const;

/** Letters and digits open too many words to be broken each time, and white space is trimmed. */
const OPENER = /[^\p{L}\p{N}\s]/u;

/** A sentinel and the forms in which it may come out of a template. */
export interface Sentinel {
  /** The character. */
  readonly char: string;
  /** What `tojson(ensure_ascii=true)` makes of it. */
  readonly escaped: string;
}

/**
 * Chooses a character that occurs in none of the texts, neither as itself nor as a JSON escape.
 *
 * @throws {InvalidRequestError} the texts use all 6,432 candidates
 */
export function chooseSentinel(texts: readonly string[]): Sentinel {
  for (const [first, last] of SENTINEL_RANGES) {
    for (let code = first; code <= last; code++) {
      const char = String.fromCharCode(code);
      const escaped = `\\u${code.toString(16)}`;
      if (!texts.some((text) => text.includes(char) || text.includes(escaped))) {
        return { char, escaped };
      }
    }
  }
  throw new InvalidRequestError(
    "messages",
    "The text uses every private character of Unicode; leave one of U+FDD0 to U+FDEF out",
  );
}

/** Takes the sentinels out again. */
export function removeSentinel(text: string, sentinel: Sentinel): string {
  return text.replaceAll(sentinel.char, "").replaceAll(sentinel.escaped, "");
}

/** Options of {@linkcode LiteralGuard}. */
export interface LiteralGuardOptions {
  /**
   * Breaks behind every sign that opens a literal (`<`, `[`), whatever follows. Templates then no longer see other markup in the
   * text either, such as the `</think>` that they cut from earlier answers.
   */
  breaksOpeners: boolean;
}

/** Breaks control literals in foreign text. */
export class LiteralGuard {
  readonly #trie = new TokenTrie<true>();
  readonly #literals: readonly string[];
  readonly #openers: ReadonlySet<string>;

  /** @param literals the control tokens' texts */
  constructor(literals: Iterable<string>, { breaksOpeners }: LiteralGuardOptions) {
    this.#literals = [...literals].map(foldCase);
    for (const literal of this.#literals) this.#trie.add(literal, true);
    const openers = breaksOpeners ? this.#literals.map((literal) => literal[0]!) : [];
    this.#openers = new Set(openers.filter((char) => OPENER.test(char)));
  }

  /**
   * Puts the sentinel behind the first character of every literal, of a literal begun at the end, and before a text that begins
   * inside a literal. Letters match in either case, as templates may change it.
   */
  protect(text: string, sentinel: Sentinel): string {
    const folded = foldCase(text);
    // Templates trim: what counts as the edges are the first and the last visible character.
    const start = folded.length - folded.trimStart().length;
    const end = folded.trimEnd().length;
    let result = "";
    let copied = 0;
    if (this.#continuesLiteral(folded.slice(start, end))) {
      result = text.slice(0, start) + sentinel.char;
      copied = start;
    }
    for (let i = start; i < end; i++) {
      const isOpener = this.#openers.has(folded[i]!);
      if (isOpener || this.#trie.matchAt(folded, i) || this.#trie.isPrefixAt(folded, i, end)) {
        result += text.slice(copied, i + 1) + sentinel.char;
        copied = i + 1;
      }
    }
    return result + text.slice(copied);
  }

  /** True if the text can stand in a literal behind its first character, as far as either reaches. */
  #continuesLiteral(text: string): boolean {
    if (text === "") return false;
    return this.#literals.some((literal) => {
      for (let i = literal.indexOf(text[0]!, 1); i > 0; i = literal.indexOf(text[0]!, i + 1)) {
        const rest = literal.slice(i);
        if (text.startsWith(rest) || rest.startsWith(text)) return true;
      }
      return false;
    });
  }
}

/** ASCII letters only: other foldings change lengths. */
function foldCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
