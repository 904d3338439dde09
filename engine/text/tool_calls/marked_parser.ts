/**
 * Reads calls behind a marker: one object in tags (Hermes), or a list behind one marker (Mistral).
 *
 * @module
 */
import { AnswerText, countHeld } from "./answer_text.ts";
import { CallReader, isSpace } from "./call_reader.ts";
import type { AnswerPart, ToolCallParser } from "./tool_format.ts";

/** What stands around calls. */
export interface MarkedCalls {
  /** Begins calls. */
  readonly open: string;
  /** Ends a call, or null where the calls are a JSON list. */
  readonly close: string | null;
}

/** Splits an answer at its markers. */
export class MarkedCallParser implements ToolCallParser {
  readonly #marks: MarkedCalls;
  readonly #names: ReadonlySet<string>;
  readonly #text = new AnswerText();
  /** `before`: between marker and call; `after`: between call and closing mark. */
  #state: "text" | "before" | "call" | "after" = "text";
  /** Text that is not told yet: of a marker, or between marks. */
  #held = "";
  #reader: CallReader | null = null;
  #isInList = false;
  #numCalls = 0;

  constructor(marks: MarkedCalls, names: ReadonlySet<string>) {
    this.#marks = marks;
    this.#names = names;
  }

  push(text: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    let rest = text;
    while (rest !== "") {
      if (this.#state === "text") rest = this.#readText(rest, parts);
      else {
        const [char] = rest; // by characters: a reader never sees half of one
        rest = rest.slice(char!.length);
        this.#readMarked(char!, parts);
      }
    }
    return parts;
  }

  flush(): AnswerPart[] {
    const parts: AnswerPart[] = [];
    const isUnfinished = this.#state === "before" || this.#state === "call";
    const raw = this.#reader?.raw ?? "";
    const isCall = this.#numCalls > 0 || this.#reader?.isAnnounced;
    if (this.#state === "text" || (isUnfinished && !isCall)) {
      parts.push(...this.#text.push(this.#held + raw));
    }
    parts.push(...this.#text.flush());
    return parts;
  }

  /** @returns what follows a marker */
  #readText(text: string, parts: AnswerPart[]): string {
    const { open } = this.#marks;
    const all = this.#held + text;
    const at = all.indexOf(open);
    if (at < 0) {
      const numHeld = countHeld(all, open);
      parts.push(...this.#text.push(all.slice(0, all.length - numHeld)));
      this.#held = all.slice(all.length - numHeld);
      return "";
    }
    parts.push(...this.#text.push(all.slice(0, at)));
    this.#held = open;
    this.#isInList = false;
    this.#state = "before";
    return all.slice(at + open.length);
  }

  #readMarked(char: string, parts: AnswerPart[]): void {
    switch (this.#state) {
      case "before":
        return this.#readBefore(char, parts);
      case "call":
        return this.#readCall(char, parts);
      default:
        return this.#readAfter(char, parts);
    }
  }

  #readBefore(char: string, parts: AnswerPart[]): void {
    const isList = this.#marks.close === null;
    if (char === "{") {
      this.#reader = new CallReader(this.#numCalls, this.#names);
      this.#state = "call";
      return this.#readCall(char, parts);
    }
    this.#held += char;
    if (isSpace(char)) return;
    if (isList && char === "[" && !this.#isInList) this.#isInList = true;
    else this.#degrade(parts);
  }

  #readCall(char: string, parts: AnswerPart[]): void {
    const reader = this.#reader!;
    const read = reader.push(char);
    if (read.some((part) => part.type === "tool_call")) this.#text.beginCall();
    parts.push(...read);
    if (reader.status === "reading") return;
    if (reader.status === "malformed") {
      this.#held += reader.raw;
      return this.#degrade(parts);
    }
    this.#numCalls++;
    this.#reader = null;
    this.#held = "";
    this.#state = "after";
  }

  #readAfter(char: string, parts: AnswerPart[]): void {
    const { close } = this.#marks;
    this.#held += char;
    const seen = this.#held.trimStart();
    if (close !== null) {
      if (seen === close) this.#backToText("");
      else if (!close.startsWith(seen)) this.#degrade(parts);
    } else if (seen === "]") this.#backToText("");
    else if (this.#isInList && seen === ",") this.#state = "before";
    else if (seen !== "") this.#degrade(parts);
  }

  /** What was taken for a call is text. */
  #degrade(parts: AnswerPart[]): void {
    const text = this.#held;
    this.#backToText("");
    // The first character can begin no marker again, or this would never end.
    parts.push(...this.#text.push(text.slice(0, 1)), ...this.push(text.slice(1)));
  }

  #backToText(held: string): void {
    this.#held = held;
    this.#reader = null;
    this.#state = "text";
  }
}
