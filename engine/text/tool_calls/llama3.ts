/**
 * Llama 3: a call is the whole answer, a bare object, at times behind a marker.
 *
 * @see https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/#json-based-tool-calling
 * @module
 */
import { AnswerText, countHeld } from "./answer_text.ts";
import { CallReader, isSpace } from "./call_reader.ts";
import type { AnswerPart, ToolCallParser, ToolFormat } from "./tool_format.ts";

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
  createParser: (names) => new WholeAnswerParser(names),
};

/** Reads answers that are calls from the first character on, or none. */
class WholeAnswerParser implements ToolCallParser {
  readonly #names: ReadonlySet<string>;
  readonly #text = new AnswerText();
  #state: "before" | "call" | "after" | "text" = "before";
  #held = "";
  #reader: CallReader | null = null;
  #numCalls = 0;

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  push(text: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    for (const char of text) this.#read(char, parts);
    return parts;
  }

  flush(): AnswerPart[] {
    const isCall = this.#numCalls > 0 || this.#reader?.isAnnounced;
    const rest = isCall ? "" : this.#held + (this.#reader?.raw ?? "");
    return [...this.#text.push(rest), ...this.#text.flush()];
  }

  #read(char: string, parts: AnswerPart[]): void {
    if (this.#state === "text") parts.push(...this.#text.push(char));
    else if (this.#state === "call") this.#readCall(char, parts);
    else if (char === "{") {
      this.#reader = new CallReader(this.#numCalls, this.#names);
      this.#state = "call";
      this.#readCall(char, parts);
    } else {
      this.#held += char;
      const seen = this.#held.trimStart();
      const isMark = countHeld(seen, MARKER) === seen.length || seen === MARKER;
      const isBetween = this.#state === "after" && (seen === ";" || isMark);
      if (!isSpace(char) && !isMark && !isBetween) this.#degrade(parts);
    }
  }

  #readCall(char: string, parts: AnswerPart[]): void {
    const reader = this.#reader!;
    const read = reader.push(char);
    if (read.some((part) => part.type === "tool_call")) this.#text.beginCall();
    parts.push(...read);
    if (reader.status === "malformed") {
      this.#held += reader.raw;
      this.#degrade(parts);
    } else if (reader.status === "done") {
      this.#numCalls++;
      this.#reader = null;
      this.#held = "";
      this.#state = "after";
    }
  }

  #degrade(parts: AnswerPart[]): void {
    parts.push(...this.#text.push(this.#held));
    this.#held = "";
    this.#reader = null;
    this.#state = "text";
  }
}
