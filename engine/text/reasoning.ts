/**
 * Separates what a model thinks aloud from its answer: `<think>…</think>`, as Qwen 3 and DeepSeek R1 write it.
 *
 * @module
 */
import { countHeld } from "./tool_calls/answer_text.ts";

/** The tags around reasoning. */
export const THINK_OPEN = "<think>";
export const THINK_CLOSE = "</think>";

/** A piece of text on one side of the tags. */
export interface ReasonedText {
  type: "reasoning" | "answer";
  text: string;
}

/** Splits the text of one answer; the white space beside the tags belongs to neither side. */
export class ReasoningSplitter {
  #state: "start" | "thinking" | "gap" | "answer";
  #held = "";
  /** Whether what is held is white space only. */
  #isBlank = true;
  /** Whether some reasoning was shown: before that, white space is dropped. */
  #hasBegun = false;

  /** @param isOpen whether the prompt has opened the reasoning already */
  constructor(isOpen: boolean) {
    this.#state = isOpen ? "thinking" : "start";
  }

  /** Whether the model is thinking. */
  get isThinking(): boolean {
    return this.#state === "thinking";
  }

  /** Whether the answer has begun, so that no reasoning can follow. */
  get isAnswering(): boolean {
    return this.#state === "answer" || this.#state === "gap";
  }

  /** Takes more text; holds back what may still become a tag. */
  push(text: string): ReasonedText[] {
    if (this.#state === "answer") return text === "" ? [] : [{ type: "answer", text }];
    if (this.#state === "gap") return this.#readGap(text);
    if (this.#isBlank && text.trim() === "") {
      this.#held += text; // decides nothing, and is not looked at again for each piece of it
      return [];
    }
    const all = this.#held + text;
    this.#held = "";
    const parts = this.#state === "start" ? this.#readStart(all) : this.#readThinking(all);
    this.#isBlank = this.#held.trim() === "";
    return parts;
  }

  /** What was held back, once no text follows. */
  flush(): ReasonedText[] {
    const text = this.#state === "gap" ? "" : this.#held;
    this.#held = "";
    if (this.#state !== "thinking") return text === "" ? [] : [{ type: "answer", text }];
    const shown = text.trimEnd();
    return shown === "" ? [] : [{ type: "reasoning", text: shown }];
  }

  /** Reasoning stands before everything else. */
  #readStart(all: string): ReasonedText[] {
    const visible = all.trimStart();
    if (visible.startsWith(THINK_OPEN)) {
      this.#state = "thinking";
      return this.#readThinking(visible.slice(THINK_OPEN.length));
    }
    if (THINK_OPEN.startsWith(visible)) {
      this.#held = all;
      return [];
    }
    this.#state = "answer";
    return [{ type: "answer", text: all }];
  }

  #readThinking(all: string): ReasonedText[] {
    const at = all.indexOf(THINK_CLOSE);
    const inside = at < 0
      ? all.slice(0, all.length - countHeld(all, THINK_CLOSE))
      : all.slice(0, at);
    // Space at the end may be the last before the tag.
    const start = this.#hasBegun ? 0 : inside.length - inside.trimStart().length;
    const end = inside.trimEnd().length;
    const parts: ReasonedText[] = [];
    if (end > start) {
      parts.push({ type: "reasoning", text: inside.slice(start, end) });
      this.#hasBegun = true;
    }
    if (at < 0) {
      this.#held = all.slice(end);
      return parts;
    }
    this.#state = "gap";
    return [...parts, ...this.#readGap(all.slice(at + THINK_CLOSE.length))];
  }

  #readGap(all: string): ReasonedText[] {
    const visible = all.trimStart();
    if (visible === "") return [];
    this.#state = "answer";
    return [{ type: "answer", text: visible }];
  }
}
