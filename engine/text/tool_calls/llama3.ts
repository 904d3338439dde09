/**
 * Llama 3: a call is the whole answer, a bare object, at times behind a marker.
 *
 * @see https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/#json-based-tool-calling
 * @module
 */
import { countHeld } from "./answer_text.ts";
import { isSpace } from "./call_reader.ts";
import type { AnswerPart, ToolFormat } from "./tool_format.ts";
import { WholeAnswerParser } from "./whole_answer.ts";

const MARKER = "<|python_tag|>";

/** `{"name": "f", "parameters": {…}}`, several ones separated by `;`. */
export const LLAMA3: ToolFormat = {
  name: "llama3",
  syntax: {
    trigger: null,
    triggersEach: false,
    begin: "",
    open: '{"name": ',
    middle: ', "parameters": ',
    close: "}",
    separator: null, // its templates refuse more than one call in a turn
    end: "",
    message: null,
  },
  markers: [MARKER],
  describe: null,
  createParser: (names) => new Llama3Parser(names),
};

/** Reads answers that are calls from the first character on, or none. */
class Llama3Parser extends WholeAnswerParser {
  protected override readAround(char: string, parts: AnswerPart[]): void {
    if (char === "{") return this.beginCall(char, parts);
    this.held += char;
    if (isSpace(char)) return; // decides nothing, however much of it comes
    const seen = this.held.trimStart();
    const isMark = countHeld(seen, MARKER) === seen.length || seen === MARKER;
    const isBetween = this.numCalls > 0 && (seen === ";" || isMark);
    if (!isMark && !isBetween) this.degrade(parts);
  }

  protected override endCall(): void {}
}
