/**
 * Sets of characters as regular expressions write them: `[^\r\n\p{L}]`, `\s`, `.`, with Oniguruma's nesting and intersection,
 * which published tokenizers rely on. JavaScript's own engine is asked about one property of one character at a time, never about
 * the pattern.
 *
 * @module
 */

/** Tells whether a code point is in the set. */
export type CharSet = (codePoint: number) => boolean;

/** A piece of a pattern that has been read. */
export interface Read<T> {
  value: T;
  /** First code unit behind it. */
  end: number;
}

/** Classes in classes; published patterns have two. */
const MAX_CLASS_DEPTH = 32;

const PROPERTY_NAME = /^[A-Za-z][A-Za-z_]{0,39}$/;
const HEX_ESCAPE = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/;
const UNICODE_ESCAPE = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))/;
const BRACED = /^\{([^{}]{1,48})\}/;

/** Escapes that stand for one character. */
const CONTROLS: Readonly<Record<string, number>> = {
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  a: 7,
  e: 27,
  0: 0,
};

const POSIX: Readonly<Record<string, CharSet>> = {
  alpha: readProperty("Alphabetic"),
  digit: readProperty("Nd"),
  alnum: union([readProperty("Alphabetic"), readProperty("Nd")]),
  lower: readProperty("Lowercase"),
  upper: readProperty("Uppercase"),
  space: readProperty("White_Space"),
  blank: union([readProperty("Zs"), single(9)]),
  punct: union([readProperty("P"), readProperty("S")]),
  cntrl: readProperty("Cc"),
  xdigit: isHexDigit,
  word: isWord,
};

/** The set of one character. */
export function single(codePoint: number): CharSet {
  return (other) => other === codePoint;
}

/** Everything that is not in the set. */
export function complement(set: CharSet): CharSet {
  return (codePoint) => !set(codePoint);
}

/** The set as `(?i:…)` reads it: a character counts if one of its cases does. */
export function foldCase(set: CharSet): CharSet {
  return (codePoint) => casesOf(codePoint).some(set);
}

/** Simple case variants; the long s and the Kelvin sign fold to letters of ASCII. */
function casesOf(codePoint: number): number[] {
  const char = String.fromCodePoint(codePoint);
  const cases = [codePoint];
  const lower = char.toLowerCase();
  const upper = char.toUpperCase();
  for (const text of [lower, upper, lower.toUpperCase(), upper.toLowerCase()]) {
    const other = text.codePointAt(0)!;
    if (String.fromCodePoint(other) === text && !cases.includes(other)) cases.push(other);
  }
  if (char === "s" || char === "S") cases.push(0x17f);
  if (char === "k" || char === "K") cases.push(0x212a);
  return cases;
}

/**
 * Reads an escape that stands for a set or a character.
 *
 * @param start index of the backslash
 * @throws {SyntaxError} it stands for neither
 */
export function readEscape(source: string, start: number): Read<CharSet> & { char?: number } {
  const letter = source[start + 1];
  const end = start + 2;
  switch (letter) {
    case "p":
    case "P": {
      const braced = BRACED.exec(source.slice(end, end + 50));
      if (braced === null) throw new SyntaxError("\\p without a name in braces");
      const isNegated = braced[1]!.startsWith("^");
      const set = readProperty(isNegated ? braced[1]!.slice(1) : braced[1]!);
      return {
        value: isNegated === (letter === "P") ? set : complement(set),
        end: end + braced[0].length,
      };
    }
    case "s":
      return { value: readProperty("White_Space"), end };
    case "S":
      return { value: complement(readProperty("White_Space")), end };
    case "d":
      return { value: readProperty("Nd"), end };
    case "D":
      return { value: complement(readProperty("Nd")), end };
    case "w":
      return { value: isWord, end };
    case "W":
      return { value: complement(isWord), end };
    case "h":
      return { value: isHexDigit, end };
    case "H":
      return { value: complement(isHexDigit), end };
  }
  const char = readCharEscape(source, start);
  return { value: single(char.value), char: char.value, end: char.end };
}

function readCharEscape(source: string, start: number): Read<number> {
  const codePoint = source.codePointAt(start + 1);
  if (codePoint === undefined) throw new SyntaxError("a backslash at the end");
  const letter = String.fromCodePoint(codePoint);
  const control = Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : undefined;
  if (control !== undefined) return { value: control, end: start + 2 };
  if (letter === "x" || letter === "u") {
    const form = letter === "x" ? HEX_ESCAPE : UNICODE_ESCAPE;
    const [text, inBraces, plain] = form.exec(source.slice(start + 2, start + 10)) ?? [];
    if (text === undefined) throw new SyntaxError(`\\${letter} without digits`);
    const value = parseInt(inBraces ?? plain!, 16);
    if (value > 0x10ffff) throw new SyntaxError(`\\${letter} beyond Unicode`);
    return { value, end: start + 2 + text.length };
  }
  if (/[A-Za-z0-9]/.test(letter)) throw new SyntaxError(`\\${letter} is not read`);
  return { value: codePoint, end: start + 1 + letter.length };
}

/**
 * Reads a character class.
 *
 * @param start index of the opening bracket
 * @throws {SyntaxError} malformed
 */
export function readClass(source: string, start: number, depth = 0): Read<CharSet> {
  if (depth > MAX_CLASS_DEPTH) throw new SyntaxError("classes nest too deeply");
  let i = start + 1;
  const isNegated = source[i] === "^";
  if (isNegated) i++;
  const first = i;
  /** Operands of `&&`, each a list of sets to be united. */
  const operands: CharSet[][] = [[]];
  for (;;) {
    if (i >= source.length) throw new SyntaxError("a class without end");
    if (source[i] === "]" && i > first) break;
    if (source.startsWith("&&", i)) {
      operands.push([]);
      i += 2;
      continue;
    }
    const item = readClassItem(source, i, depth);
    operands.at(-1)!.push(item.value);
    i = item.end;
  }
  const sets = operands.map(union);
  const set: CharSet = (codePoint) => sets.every((operand) => operand(codePoint));
  return { value: isNegated ? complement(set) : set, end: i + 1 };
}

/** A nested class, a set, a range or a character. */
function readClassItem(source: string, start: number, depth: number): Read<CharSet> {
  if (source[start] === "[") {
    const posix = /^\[:(\^?)([a-z]{1,10}):\]/.exec(source.slice(start, start + 16));
    if (posix === null) return readClass(source, start, depth + 1);
    const set = Object.hasOwn(POSIX, posix[2]!) ? POSIX[posix[2]!] : undefined;
    if (set === undefined) throw new SyntaxError(`[:${posix[2]}:] is not known`);
    return { value: posix[1] === "" ? set : complement(set), end: start + posix[0].length };
  }
  const from = readClassChar(source, start);
  const isRange = source[from.end] === "-" && from.end + 1 < source.length &&
    source[from.end + 1] !== "]" && source[from.end + 1] !== "[";
  if (from.char === undefined || !isRange) return from;
  const to = readClassChar(source, from.end + 1);
  if (to.char === undefined) throw new SyntaxError("a range that ends with a set");
  const [min, max] = [from.char, to.char];
  if (min > max) throw new SyntaxError("a range that runs backwards");
  return { value: (codePoint) => codePoint >= min && codePoint <= max, end: to.end };
}

function readClassChar(source: string, start: number): Read<CharSet> & { char?: number } {
  if (source[start] === "\\") {
    // In a class, \b is the backspace.
    if (source[start + 1] === "b") return { value: single(8), char: 8, end: start + 2 };
    return readEscape(source, start);
  }
  const char = source.codePointAt(start)!;
  return { value: single(char), char, end: start + (char > 0xffff ? 2 : 1) };
}

function union(sets: readonly CharSet[]): CharSet {
  return (codePoint) => sets.some((set) => set(codePoint));
}

/** A Unicode property: a general category, a binary property or a script by its bare name. */
function readProperty(name: string): CharSet {
  if (!PROPERTY_NAME.test(name)) throw new SyntaxError(`\\p{${name}} is not known`);
  for (const form of [name, `Script=${name}`]) {
    try {
      const property = new RegExp(`^\\p{${form}}$`, "u");
      return (codePoint) => property.test(String.fromCodePoint(codePoint));
    } catch {
      continue; // not a name of this form
    }
  }
  throw new SyntaxError(`\\p{${name}} is not known`);
}

/** UTS #18's word characters. */
function isWord(codePoint: number): boolean {
  return /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]$/u.test(String.fromCodePoint(codePoint));
}

function isHexDigit(codePoint: number): boolean {
  return /^[0-9A-Fa-f]$/.test(String.fromCodePoint(codePoint));
}
