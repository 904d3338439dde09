/**
 * JSON as text that `JSON.stringify` would never write: numbers of any spelling, keys twice, bytes that are no text.
 *
 * @module
 */
import type { Choose } from "./choose.ts";

/** Text that stands for itself where a value should be: `1e999`, `NaN`, `-0`. */
export class Literal {
  constructor(readonly text: string) {}
}

/** Anything that can stand in a body. */
export type Value = null | boolean | number | string | Literal | Value[] | { [key: string]: Value };

/** Writes a value; with `doublesKey`, the first object that has a key has it twice. */
export function writeJson(value: Value, options: { doublesKey?: boolean } = {}): string {
  let isKeyDue = options.doublesKey ?? false;
  function write(value: Value): string {
    if (value instanceof Literal) return value.text;
    if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const pairs = Object.entries(value).map(([key, field]) =>
      `${JSON.stringify(key)}:${write(field)}`
    );
    if (isKeyDue && pairs.length > 0) {
      isKeyDue = false;
      pairs.push(pairs[0]!);
    }
    return `{${pairs.join(",")}}`;
  }
  return write(value);
}

/** Damages text as a broken client or a broken wire would; the result need not be UTF-8. */
export function damage(text: string, choose: Choose): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const at = choose.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  const insert = (...middle: number[]) => concat(before, middle, after);
  switch (choose.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concat(before, after.subarray(1));
    case 2:
      return insert(choose.below(256));
    case 3:
      return insert(
        ...choose.of([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88], [0xe2, 0x82]]),
      );
    case 4:
      return insert(
        ...choose.of(["{", "}", "[", "]", '"', ",", ":", "\\", "\0"]).split("").map(toByte),
      );
    case 5:
      return concat([0xef, 0xbb, 0xbf], bytes);
    default:
      return concat(bytes, after);
  }
}

/** One after another; the parts may be too long to be arguments. */
function concat(...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function toByte(character: string): number {
  return character.charCodeAt(0);
}
