/**
 * Reads a regular expression in the part of Oniguruma's syntax that tokenizers use. What cannot be matched in linear time
 * (backreferences, lookbehind, lookahead beyond one character) is an error.
 *
 * @module
 */
import {
  type CharSet,
  complement,
  foldCase,
  type Read,
  readClass,
  readEscape,
  single,
} from "./char_set.ts";

/** A pattern as a tree. */
export type PatternNode =
  | { type: "set"; set: CharSet }
  /** Looks at the next character: it must be there and in the set. */
  | { type: "lookahead"; set: CharSet; isNegated: boolean }
  | { type: "sequence"; parts: PatternNode[] }
  /** The first alternative that matches counts. */
  | { type: "alternatives"; options: PatternNode[] }
  | { type: "repeat"; body: PatternNode; min: number; max: number; isLazy: boolean };

/** Characters; the longest published pattern has about 800. */
const MAX_PATTERN_LENGTH = 4096;
/** Groups in groups. */
const MAX_GROUP_DEPTH = 64;
/** Counts in braces; published patterns have at most 3. */
const MAX_COUNT = 1000;

const QUANTIFIER = /^(?:\{([0-9]{1,5})?(,)?([0-9]{1,5})?\}|[*+?])/;

/**
 * Parses a pattern.
 *
 * @throws {SyntaxError} malformed, or beyond what is matched here
 */
export function parsePattern(source: string): PatternNode {
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new SyntaxError(
      `it has ${source.length} characters, at most ${MAX_PATTERN_LENGTH} count`,
    );
  }
  const parser = new PatternParser(source);
  const node = parser.parseAlternatives(false, 0);
  if (!parser.isAtEnd) throw new SyntaxError("a closing parenthesis without an opening one");
  return node;
}

class PatternParser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  parseAlternatives(ignoresCase: boolean, depth: number): PatternNode {
    if (depth > MAX_GROUP_DEPTH) throw new SyntaxError("groups nest too deeply");
    const options: PatternNode[] = [];
    let parts: PatternNode[] = [];
    while (!this.isAtEnd && this.#source[this.#at] !== ")") {
      if (this.#source[this.#at] === "|") {
        this.#at++;
        options.push({ type: "sequence", parts });
        parts = [];
        continue;
      }
      parts.push(this.#parseRepeats(this.#parseAtom(ignoresCase, depth)));
    }
    const last: PatternNode = { type: "sequence", parts };
    return options.length === 0 ? last : { type: "alternatives", options: [...options, last] };
  }

  #parseAtom(ignoresCase: boolean, depth: number): PatternNode {
    const source = this.#source;
    const char = source[this.#at]!;
    const toSet = ({ value, end }: Read<CharSet>): PatternNode => {
      this.#at = end;
      return { type: "set", set: ignoresCase ? foldCase(value) : value };
    };
    switch (char) {
      case "(":
        return this.#parseGroup(ignoresCase, depth);
      case "[":
        return toSet(readClass(source, this.#at));
      case ".":
        return toSet({ value: complement(single(10)), end: this.#at + 1 });
      case "$":
        this.#at++;
        return lineEnd();
      case "\\":
        if (source[this.#at + 1] === "z") {
          this.#at += 2;
          return textEnd();
        }
        return toSet(readEscape(source, this.#at));
      case "^":
      case "*":
      case "+":
      case "?":
        throw new SyntaxError(`"${char}" is not read here`);
    }
    const codePoint = source.codePointAt(this.#at)!;
    return toSet({ value: single(codePoint), end: this.#at + (codePoint > 0xffff ? 2 : 1) });
  }

  #parseGroup(ignoresCase: boolean, depth: number): PatternNode {
    const opening = /^\((?:\?(?:i:|:|=|!))?/.exec(this.#source.slice(this.#at, this.#at + 4))![0];
    this.#at += opening.length;
    if (this.#source[this.#at] === "?") {
      throw new SyntaxError(`"(${this.#source.slice(this.#at, this.#at + 3)}" is not read`);
    }
    const body = this.parseAlternatives(ignoresCase || opening === "(?i:", depth + 1);
    if (this.isAtEnd) throw new SyntaxError("a group without end");
    this.#at++;
    if (opening !== "(?=" && opening !== "(?!") return body;
    const set = asOneSet(body);
    if (set === null) throw new SyntaxError("a lookahead at more than one character is not read");
    return { type: "lookahead", set, isNegated: opening === "(?!" };
  }

  /** Applies the quantifiers that follow. */
  #parseRepeats(atom: PatternNode): PatternNode {
    let node = atom;
    for (;;) {
      const quantifier = QUANTIFIER.exec(this.#source.slice(this.#at, this.#at + 16));
      if (quantifier === null) return node;
      const [text, low, comma, high] = quantifier;
      const isBraced = text.length > 1;
      // "{" without counts is a brace.
      if (isBraced && low === undefined && high === undefined) return node;
      this.#at += text.length;
      if (node.type === "lookahead") throw new SyntaxError("a repeated lookahead is not read");
      const min = isBraced ? Number(low ?? 0) : text === "+" ? 1 : 0;
      const open = text === "?" ? 1 : Infinity;
      const max = isBraced ? Number(high ?? (comma === undefined ? low : Infinity)) : open;
      if (max < min || min > MAX_COUNT || (max > MAX_COUNT && max !== Infinity)) {
        throw new SyntaxError(`${text} is not a count from 0 to ${MAX_COUNT}`);
      }
      const sign = this.#source[this.#at];
      const isPossessive = sign === "+" && !isBraced; // Ruby's syntax: {1,3}+ is a repeated repetition
      const isLazy = sign === "?";
      if (isPossessive || isLazy) this.#at++;
      const repeat: PatternNode = { type: "repeat", body: node, min, max, isLazy };
      node = isPossessive ? withoutBacktracking(repeat) : repeat;
    }
  }
}

/** A possessive repetition of a set takes all it can: what follows is none of the set, unless there was room for one only. */
function withoutBacktracking(repeat: PatternNode & { type: "repeat" }): PatternNode {
  const set = asOneSet(repeat.body);
  if (set === null) throw new SyntaxError("a possessive repetition of more than one character");
  const stop: PatternNode = { type: "lookahead", set, isNegated: true };
  if (repeat.max === Infinity) return { type: "sequence", parts: [repeat, stop] };
  return { type: "alternatives", options: [{ type: "set", set }, stop] };
}

/** The set, if a node matches exactly one character. */
function asOneSet(node: PatternNode): CharSet | null {
  if (node.type === "set") return node.set;
  if (node.type === "sequence" && node.parts.length === 1) return asOneSet(node.parts[0]!);
  if (node.type !== "alternatives") return null;
  const sets = node.options.map(asOneSet);
  if (sets.includes(null)) return null;
  return (codePoint) => sets.some((set) => set!(codePoint));
}

/** Oniguruma's `$`: before a line break, or at the end. */
function lineEnd(): PatternNode {
  return {
    type: "alternatives",
    options: [{ type: "lookahead", set: single(10), isNegated: false }, textEnd()],
  };
}

/** No character follows. */
function textEnd(): PatternNode {
  return { type: "lookahead", set: () => true, isNegated: true };
}
