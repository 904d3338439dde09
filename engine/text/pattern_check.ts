/**
 * Looks at regular expressions that come with a model before they run.
 *
 * @module
 */

/** Repetitions up to this count as bounded; published patterns have `\p{N}{1,3}`. */
const MAX_BOUNDED_REPEAT = 16;

/**
 * True if a repetition without bound is itself repeated without bound, as in `(a+)+`: matching may then take time that doubles
 * with each character. No published pre-tokenizer does this. Two repetitions side by side are let through: their time grows with
 * a power of the length only. Alternatives that overlap, as in `(a|a)*`, are not looked for.
 */
export function hasNestedQuantifier(pattern: string): boolean {
  /** For each open group: does it hold an unbounded repetition? */
  const groups: boolean[] = [false];
  let lastAtomRepeats = false;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    const repeat = readQuantifier(pattern, i);
    if (repeat !== null) {
      if (repeat.isUnbounded && lastAtomRepeats) return true;
      if (repeat.isUnbounded) groups[groups.length - 1] = lastAtomRepeats = true;
      i = repeat.end - 1;
      continue;
    }
    lastAtomRepeats = false;
    if (char === "\\") i = skipEscape(pattern, i);
    else if (char === "[") i = skipClass(pattern, i);
    else if (char === "(") groups.push(false);
    else if (char === ")" && groups.length > 1) {
      lastAtomRepeats = groups.pop()!;
      if (lastAtomRepeats) groups[groups.length - 1] = true;
    }
  }
  return false;
}

/** A quantifier at `start` with its lazy or possessive sign, or null. */
function readQuantifier(
  pattern: string,
  start: number,
): { end: number; isUnbounded: boolean } | null {
  const char = pattern[start];
  // "(?" opens a special group.
  if (char === "?" && pattern[start - 1] === "(") return null;
  let end = start + 1;
  let isUnbounded = char === "*" || char === "+";
  if (char === "{") {
    const counts = /^\{([0-9]{1,9})(,([0-9]{1,9})?)?\}/.exec(pattern.slice(start, start + 24));
    if (counts === null) return null;
    const [text, min, comma, max] = counts;
    end = start + text.length;
    isUnbounded = Number(max ?? (comma === undefined ? min : Infinity)) > MAX_BOUNDED_REPEAT;
  } else if (!isUnbounded && char !== "?") {
    return null;
  }
  if (pattern[end] === "?" || pattern[end] === "+") end++;
  return { end, isUnbounded };
}

/** Last index of an escape, `\p{…}` included. */
function skipEscape(pattern: string, start: number): number {
  const isBraced = /[pPxuk]/.test(pattern[start + 1] ?? "") && pattern[start + 2] === "{";
  const end = isBraced ? pattern.indexOf("}", start) : start + 1;
  return end < 0 ? pattern.length : end;
}

/** Last index of a character class; classes may hold classes. */
function skipClass(pattern: string, start: number): number {
  let depth = 0;
  for (let i = start; i < pattern.length; i++) {
    if (pattern[i] === "\\") i++;
    else if (pattern[i] === "[") depth++;
    else if (pattern[i] === "]" && i > start + 1 && --depth === 0) return i;
  }
  return pattern.length;
}
