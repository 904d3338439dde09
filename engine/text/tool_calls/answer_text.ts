/**
 * What the parsers of all families share: text around calls, and literals that arrive in pieces.
 *
 * @module
 */
import { isSpace } from "./call_reader.ts";
import type { AnswerPart } from "./tool_format.ts";

/** Text of an answer, without the white space that stands between it and calls. */
export class AnswerText {
  #space = "";
  #hasCalls = false;

  /** Takes text; white space is held back until it is known what follows. */
  push(text: string): AnswerPart[] {
    let end = text.length;
    while (end > 0 && isSpace(text[end - 1])) end--;
    if (end === 0) {
      this.#space += text;
      return [];
    }
    const shown = this.#space + text.slice(0, end);
    this.#space = text.slice(end);
    return [{ type: "text", text: shown }];
  }

  /** A call begins here. */
  beginCall(): void {
    this.#space = "";
    this.#hasCalls = true;
  }

  /** The space that ends an answer without calls. */
  flush(): AnswerPart[] {
    const text = this.#hasCalls ? "" : this.#space;
    this.#space = "";
    return text === "" ? [] : [{ type: "text", text }];
  }
}

/** Length of the longest end of `text` that begins `literal`. */
export function countHeld(text: string, literal: string): number {
  for (let length = Math.min(text.length, literal.length - 1); length > 0; length--) {
    if (literal.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
