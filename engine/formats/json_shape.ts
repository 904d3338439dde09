/**
 * Looks at JSON before it is parsed: `[[[[…` takes thirty times its size in memory, and seconds.
 *
 * @module
 */

/** Objects and lists in one another; published files have at most eight. */
const MAX_DEPTH = 64;
/** Characters that an object or list takes at least, on average; the pairs of published merges take more. */
const MIN_CHARACTERS_EACH = 8;
/** Objects and lists that any file may have. */
const FREE_COUNT = 16_384;

/**
 * Finds out whether text can be parsed within a small multiple of its size. Says nothing of its syntax.
 *
 * @returns null, or why not
 */
export function findJsonFault(text: string): string | null {
  const maxCount = FREE_COUNT + text.length / MIN_CHARACTERS_EACH;
  let depth = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = findStringEnd(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) return `it nests deeper than ${MAX_DEPTH}`;
        if (++count > maxCount) return `it has more than ${Math.floor(maxCount)} objects and lists`;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return null;
}

/** Index of the quote that ends the string, or the end of the text. */
function findStringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let numBackslashes = 0;
    while (text.charCodeAt(end - 1 - numBackslashes) === 0x5c) numBackslashes++;
    if (numBackslashes % 2 === 0) return end;
  }
  return text.length;
}
