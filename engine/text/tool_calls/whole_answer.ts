/**
 * What parsers have in common that read an answer as calls from its first character on: when it turns out to be none, everything
 * that was held back is text.
 *
 * @module
 */
import { AnswerText } from "./answer_text.ts";
import { CallReader } from "./call_reader.ts";
import type { AnswerPart, ToolCallParser } from "./tool_format.ts";

/** A parser of whole answers; what stands around calls is each family's own. */
export abstract class WholeAnswerParser implements ToolCallParser {
  protected readonly text = new AnswerText();
  /** Text that may still be part of calls. */
  protected held = "";
  protected numCalls = 0;
  /** Whether the answer is text from here on. */
  protected isText = false;
  readonly #names: ReadonlySet<string>;
  #reader: CallReader | null = null;

  /** @param names the functions that may be called; a call of another is text */
  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  push(text: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    for (const char of text) {
      if (this.isText) parts.push(...this.text.push(char));
      else if (this.#reader !== null) this.#readCall(this.#reader, char, parts);
      else this.readAround(char, parts);
    }
    return parts;
  }

  flush(): AnswerPart[] {
    const isCall = this.numCalls > 0 || this.#reader?.isAnnounced;
    const rest = isCall ? "" : this.held + (this.#reader?.raw ?? "") + this.flushContent();
    return [...this.text.push(rest), ...this.text.flush()];
  }

  /** Takes a character that is in no call. */
  protected abstract readAround(char: string, parts: AnswerPart[]): void;

  /** A call ends here. */
  protected abstract endCall(): void;

  /** What a family's own decoder holds back. */
  protected flushContent(): string {
    return "";
  }

  /** Begins a call with its brace. */
  protected beginCall(brace: string, parts: AnswerPart[]): void {
    this.#reader = new CallReader(this.numCalls, this.#names);
    this.#readCall(this.#reader, brace, parts);
  }

  /** What was taken for calls is text, and so is the rest. */
  protected degrade(parts: AnswerPart[]): void {
    parts.push(...this.text.push(this.held));
    this.held = "";
    this.#reader = null;
    this.isText = true;
  }

  #readCall(reader: CallReader, char: string, parts: AnswerPart[]): void {
    const read = reader.push(char);
    if (read.some((part) => part.type === "tool_call")) this.text.beginCall();
    parts.push(...read);
    if (reader.status === "malformed") {
      this.held += reader.raw;
      this.degrade(parts);
    } else if (reader.status === "done") {
      this.numCalls++;
      this.#reader = null;
      this.held = "";
      this.endCall();
    }
  }
}
