/**
 * Sets of characters, as regular expressions name them, and their spelling in JSON strings.
 *
 * @module
 */
import { type CharRange, chars, choice, type Rule, text } from "./rules.ts";

const LAST_CODE_POINT = 0x10ffff;
/** Characters beyond ASCII that are listed one by one; larger sets become "any beyond ASCII", and the value is checked later. */
const MAX_LISTED = 64;

/** Escapes of a JSON string that have a letter of their own. */
const SHORT_ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
  [0x22, '\\"'],
  [0x5c, "\\\\"],
]);

/** Code points, as sorted ranges without overlap. */
export class CharSet {
  readonly ranges: readonly CharRange[];

  constructor(ranges: readonly CharRange[]) {
    this.ranges = normalize(ranges);
  }

  /** Everything that is in neither. */
  invert(): CharSet {
    const inverted: CharRange[] = [];
    let next = 0;
    for (const [first, last] of this.ranges) {
      if (first > next) inverted.push([next, first - 1]);
      next = last + 1;
    }
    if (next <= LAST_CODE_POINT) inverted.push([next, LAST_CODE_POINT]);
    return new CharSet(inverted);
  }

  has(code: number): boolean {
    return this.ranges.some(([first, last]) => first <= code && code <= last);
  }

  /** One of these characters inside a JSON string; control characters without a short escape are left out. */
  toRule(): Rule {
    const plain: CharRange[] = [];
    const options: Rule[] = [];
    const beyond: CharRange[] = [];
    for (const [first, last] of this.ranges) {
      for (let code = first; code <= Math.min(last, 0x7f); code++) {
        const escape = SHORT_ESCAPES.get(code);
        if (escape !== undefined) options.push(text(escape));
        else if (code >= 0x20) plain.push([code, code]);
      }
      if (last > 0x7f) beyond.push([Math.max(first, 0x80), last]);
    }
    const numBeyond = beyond.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const isListed = numBeyond <= MAX_LISTED;
    if (isListed) {
      for (const [first, last] of beyond) {
        for (let code = first; code <= last; code++) options.push(text(String.fromCodePoint(code)));
      }
    }
    if (plain.length > 0 || !isListed) options.unshift(chars(normalize(plain), !isListed));
    return choice(options);
  }
}

function normalize(ranges: readonly CharRange[]): CharRange[] {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
