/**
 * A look at JSON text before `JSON.parse`, which takes any depth and keeps the last of two equal keys in silence.
 *
 * @module
 */
import { ApiError } from "../errors.ts";

/** Deeper than any schema or conversation in use; `postMessage` to the engine fails at 10,000. */
const MAX_DEPTH = 64;
/** Twenty times a conversation at its own limit of 2,048 messages. */
const MAX_VALUES = 100_000;

/**
 * Refuses text that is nested too deep, holds too many values or names a key twice in one object. Text that is not
 * JSON passes: the parser will say so.
 *
 * @throws {ApiError} 400 with the limit that was passed
 */
export function checkJsonText(text: string): void {
  /** One entry an open container: the keys seen in an object, null for an array. */
  const open: (Set<string> | null)[] = [];
  let numValues = 1;
  let isKeyNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case "{":
      case "[":
        isKeyNext = text[i] === "{";
        open.push(isKeyNext ? new Set() : null);
        if (open.length > MAX_DEPTH) throw refused(`it is nested deeper than ${MAX_DEPTH} levels`);
        numValues++;
        break;
      case "}":
      case "]":
        open.pop();
        isKeyNext = false;
        break;
      case ",":
        isKeyNext = open.at(-1) instanceof Set;
        numValues++;
        break;
      case '"': {
        const end = findStringEnd(text, i);
        const keys = open.at(-1);
        if (isKeyNext && keys) addKey(keys, text.slice(i, end + 1));
        isKeyNext = false;
        i = end;
        break;
      }
    }
    if (numValues > MAX_VALUES) throw refused(`it holds more than ${MAX_VALUES} values`);
  }
}

/** Index of the closing quote; the text's length when there is none. */
function findStringEnd(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i;
}

function addKey(keys: Set<string>, literal: string): void {
  // "\u0061" and "a" are the same key. A broken literal is left for the parser to refuse.
  const key = literal.includes("\\") ? String(JSON.parse(literal)) : literal.slice(1, -1);
  if (keys.has(key)) {
    throw refused(`it names the key ${JSON.stringify(key.slice(0, 64))} twice in one object`);
  }
  keys.add(key);
}

function refused(why: string): ApiError {
  return new ApiError(400, `The body must be one JSON object: ${why}`, { code: "invalid_json" });
}
