/**
 * The regular expressions of schemas, without the JavaScript engine: a pattern from a request is read here, becomes a grammar for
 * the model, and is matched in time linear in the text.
 *
 * Read are characters, escapes, classes, groups, alternatives, repetitions and anchors at the edges. Look-around, back
 * references, word boundaries and Unicode properties are refused.
 *
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { CharSet } from "./char_set.ts";

/** A part of a pattern. */
export type PatternNode =
  | { kind: "set"; set: CharSet }
  | { kind: "sequence"; parts: PatternNode[] }
  | { kind: "choice"; options: PatternNode[] }
  | { kind: "repeat"; part: PatternNode; min: number; max: number | null };

/** One alternative of a whole pattern, with its anchors. */
export interface PatternBranch {
  node: PatternNode;
  isAnchoredAtStart: boolean;
  isAnchoredAtEnd: boolean;
}

/** Characters of a pattern; published schemas stay below 300. */
const MAX_PATTERN_LENGTH = 1024;
const MAX_REPEAT = 1000;
const MAX_NESTING = 32;

const DIGITS = new CharSet([[0x30, 0x39]]);
const WORD = new CharSet([[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]);
const SPACE = new CharSet([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0xfeff, 0xfeff],
  [
    0x2028,
    0x2029,
  ],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
]);
/** Everything but line ends. */
const DOT = new CharSet([[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]).invert();

const CLASS_ESCAPES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  D: DIGITS.invert(),
  w: WORD,
  W: WORD.invert(),
  s: SPACE,
  S: SPACE.invert(),
};
const CHAR_ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/**
 * Reads a pattern.
 *
 * @param param the request field at fault
 * @throws {InvalidRequestError} it is no regular expression, or one that is not supported
 */
export function parsePattern(source: string, param: string): PatternBranch[] {
  return new PatternParser(source, param).parse();
}

class PatternParser {
  readonly #source: string;
  readonly #chars: readonly string[];
  readonly #param: string;
  #at = 0;
  #depth = 0;

  constructor(source: string, param: string) {
    this.#source = source;
    this.#param = param;
    this.#chars = Array.from(source.slice(0, MAX_PATTERN_LENGTH + 1));
    if (source.length > MAX_PATTERN_LENGTH) {
      throw this.#refuse(`it has ${source.length} characters, ${MAX_PATTERN_LENGTH} are possible`);
    }
  }

  parse(): PatternBranch[] {
    const branches: PatternBranch[] = [];
    do {
      const isAnchoredAtStart = this.#take("^");
      const node = this.#parseSequence();
      const isAnchoredAtEnd = this.#take("$");
      branches.push({ node, isAnchoredAtStart, isAnchoredAtEnd });
    } while (this.#take("|"));
    if (this.#at < this.#chars.length) {
      throw this.#refuse(`"${this.#peek()}" cannot stand at ${this.#at}`);
    }
    return branches;
  }

  #parseSequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#chars.length && !"|)$".includes(this.#peek())) {
      parts.push(this.#parseRepeat(this.#parseAtom()));
    }
    return { kind: "sequence", parts };
  }

  #parseAtom(): PatternNode {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#parseGroup();
      case "[":
        return { kind: "set", set: this.#parseClass() };
      case ".":
        return { kind: "set", set: DOT };
      case "\\":
        return { kind: "set", set: this.#parseEscape() };
      case "^":
        throw this.#refuse("^ is supported at the start only");
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.#refuse(`"${char}" repeats nothing`);
      default:
        return { kind: "set", set: single(char) };
    }
  }

  #parseGroup(): PatternNode {
    if (++this.#depth > MAX_NESTING) throw this.#refuse(`groups nest deeper than ${MAX_NESTING}`);
    if (this.#take("?")) {
      if (this.#take("<")) {
        if ("=!".includes(this.#peek())) throw this.#refuse("look-behind is not supported");
        while (this.#peek() !== ">") this.#next();
        this.#next();
      } else if (!this.#take(":")) {
        throw this.#refuse("only (…), (?:…) and (?<name>…) are supported");
      }
    }
    const options: PatternNode[] = [];
    do options.push(this.#parseSequence()); while (this.#take("|"));
    if (this.#peek() === "$") throw this.#refuse("$ is supported at the end only");
    if (!this.#take(")")) throw this.#refuse("a group is not closed");
    this.#depth--;
    return { kind: "choice", options };
  }

  #parseRepeat(part: PatternNode): PatternNode {
    const bounds = this.#parseBounds();
    if (bounds === null) return part;
    this.#take("?"); // lazy or not, the same texts match
    if (bounds.min > MAX_REPEAT || (bounds.max ?? 0) > MAX_REPEAT) {
      throw this.#refuse(`a repetition is longer than ${MAX_REPEAT}`);
    }
    if (bounds.max !== null && bounds.max < bounds.min) {
      throw this.#refuse("a repetition ends before it begins");
    }
    return { kind: "repeat", part, ...bounds };
  }

  #parseBounds(): { min: number; max: number | null } | null {
    if (this.#take("*")) return { min: 0, max: null };
    if (this.#take("+")) return { min: 1, max: null };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (!this.#take("{")) return null;
    const min = this.#parseNumber();
    const max = this.#take(",") ? (this.#peek() === "}" ? null : this.#parseNumber()) : min;
    if (!this.#take("}")) throw this.#refuse("a repetition is not closed");
    return { min, max };
  }

  #parseNumber(): number {
    let digits = "";
    while (isDigit(this.#peek())) digits += this.#next();
    if (digits === "" || digits.length > 6) throw this.#refuse("a repetition has no proper number");
    return Number(digits);
  }

  #parseClass(): CharSet {
    const isNegated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const first = this.#parseClassItem();
      const [code] = first.ranges[0] ?? [0];
      if (!isSingle(first) || this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") {
        ranges.push(...first.ranges);
        continue;
      }
      this.#next();
      const last = this.#parseClassItem();
      const [lastCode] = last.ranges[0] ?? [0];
      if (!isSingle(last) || lastCode < code) throw this.#refuse("a class has a wrong range");
      ranges.push([code, lastCode]);
    }
    const set = new CharSet(ranges);
    return isNegated ? set.invert() : set;
  }

  #parseClassItem(): CharSet {
    const char = this.#next();
    if (char !== "\\") return single(char);
    if (this.#take("b")) return single("\b");
    return this.#parseEscape();
  }

  #parseEscape(): CharSet {
    const char = this.#next();
    const set = CLASS_ESCAPES[char];
    if (set) return set;
    const code = CHAR_ESCAPES[char];
    if (code !== undefined) return new CharSet([[code, code]]);
    if (char === "x") return this.#parseHex(2);
    if (char === "u") {
      if (!this.#take("{")) return this.#parseHex(4);
      const end = this.#chars.indexOf("}", this.#at);
      if (end < 0) throw this.#refuse("an escape is not closed");
      const set = this.#parseHex(end - this.#at);
      this.#next();
      return set;
    }
    if (/^[A-Za-z1-9]$/.test(char)) throw this.#refuse(`"\\${char}" is not supported`);
    return single(char);
  }

  #parseHex(length: number): CharSet {
    const digits = this.#chars.slice(this.#at, this.#at + length).join("");
    const code = /^[0-9A-Fa-f]{1,6}$/.test(digits) ? parseInt(digits, 16) : Infinity;
    if (digits.length !== length || code > 0x10ffff) {
      throw this.#refuse("an escape is not hexadecimal");
    }
    this.#at += length;
    return new CharSet([[code, code]]);
  }

  #peek(): string {
    return this.#chars[this.#at] ?? "";
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#refuse("it ends too early");
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #refuse(reason: string): InvalidRequestError {
    return new InvalidRequestError(
      this.#param,
      `Cannot enforce the pattern ${JSON.stringify(this.#source.slice(0, 80))}: ${reason}`,
    );
  }
}

function single(char: string): CharSet {
  const code = char.codePointAt(0)!;
  return new CharSet([[code, code]]);
}

function isSingle({ ranges }: CharSet): boolean {
  return ranges.length === 1 && ranges[0]![0] === ranges[0]![1];
}

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9" && char.length === 1;
}
