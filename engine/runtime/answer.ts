/**
 * Output tokens → events of a generation: detokenizer, then reasoning, then function calls.
 *
 * @module
 */
import {
  type AnswerPart,
  type Detokenizer,
  ReasoningSplitter,
  StopMatcher,
  type TextModel,
  type ToolCallParser,
} from "../text/mod.ts";

/** A piece of output on its way to a `GenerationEvent`. */
export type OutputPart = AnswerPart | { type: "reasoning"; text: string };

/** What is read out of the text; plain text needs nothing. */
export interface AnswerOptions {
  /** Texts that end the answer; looked for in what its reader sees, not in reasoning and calls. */
  stop: readonly string[];
  /** Where reasoning may stand: nowhere, at the start if the model opens it, or from the first character on. */
  reasoning: "none" | "possible" | "open";
  /** Functions that may be called; null reads no calls. */
  toolNames: ReadonlySet<string> | null;
  /** Whether the answer must be a call, so that what begins like one and is cut off is no text. */
  mustCall: boolean;
}

/** A finished call, for the check against its schema. */
export interface FinishedCall {
  name: string;
  arguments: string;
}

/** Reads the answer of one sequence. */
export class AnswerReader {
  readonly #detokenizer: Detokenizer;
  readonly #splitter: ReasoningSplitter | null;
  readonly #parser: ToolCallParser | null;
  readonly #mustCall: boolean;
  readonly #stops: StopMatcher;
  readonly #calls: FinishedCall[] = [];
  #text = "";
  #numReasoningTokens = 0;
  #isFlushed = false;
  #stopSequence: string | null = null;

  /** @throws {InvalidRequestError} a stop sequence is empty */
  constructor(text: TextModel, options: AnswerOptions) {
    const { stop, reasoning, toolNames, mustCall } = options;
    this.#stops = new StopMatcher(stop);
    this.#mustCall = mustCall;
    this.#splitter = reasoning === "none" ? null : new ReasoningSplitter(reasoning === "open");
    this.#parser = toolNames === null ? null : text.toolFormat.createParser(toolNames);
    this.#detokenizer = text.createDetokenizer({
      stop: text.stopStrings,
      showsMarkers: this.#splitter !== null || this.#parser !== null,
    });
  }

  /** Tokens of reasoning so far, its tags included. */
  get numReasoningTokens(): number {
    return this.#numReasoningTokens;
  }

  /** Whether the model thinks now. */
  get isThinking(): boolean {
    return this.#splitter?.isThinking ?? false;
  }

  /** Whether reasoning can begin no more. */
  get isAnswering(): boolean {
    return this.#splitter?.isAnswering ?? true;
  }

  /** Calls that have begun; each one's arguments as far as they were written. */
  get calls(): readonly FinishedCall[] {
    return this.#calls;
  }

  /** The answer without reasoning and calls. */
  get text(): string {
    return this.#text;
  }

  /** Takes the next token; what cannot be decided yet is held back. */
  push(token: number): { parts: OutputPart[]; stopSequence: string | null } {
    const wasThinking = this.isThinking;
    const { text, stopSequence } = this.#detokenizer.push(token);
    const parts = this.#read(text);
    if (wasThinking || this.isThinking) this.#numReasoningTokens++;
    return { parts, stopSequence: this.#stopSequence ?? stopSequence };
  }

  /** What was held back, once no token follows; nothing the second time. */
  flush(): OutputPart[] {
    if (this.#isFlushed) return [];
    this.#isFlushed = true;
    const parts = this.#read(this.#detokenizer.flush());
    for (const { type, text } of this.#splitter?.flush() ?? []) {
      parts.push(...type === "reasoning" ? [{ type, text }] : this.#parse(text));
    }
    if (this.#parser) parts.push(...this.#note(this.#flushCalls(this.#parser)));
    const held = this.#stopSequence === null ? this.#stops.flush() : "";
    return held === "" ? parts : [...parts, ...this.#keep([{ type: "text", text: held }])];
  }

  #flushCalls(parser: ToolCallParser): AnswerPart[] {
    const parts = parser.flush();
    return this.#mustCall ? parts.filter(({ type }) => type !== "text") : parts;
  }

  #read(text: string): OutputPart[] {
    if (this.#splitter === null) return this.#parse(text);
    return this.#splitter.push(text).flatMap(({ type, text }): OutputPart[] =>
      type === "reasoning" ? [{ type, text }] : this.#parse(text)
    );
  }

  #parse(text: string): AnswerPart[] {
    if (text === "") return [];
    return this.#note(this.#parser ? this.#parser.push(text) : [{ type: "text", text }]);
  }

  #note(parts: readonly AnswerPart[]): AnswerPart[] {
    return this.#keep(mergeParts(parts).flatMap((part) => this.#upToStop(part)));
  }

  /** What is left of a part before a stop sequence; nothing behind one. */
  #upToStop(part: AnswerPart): AnswerPart[] {
    if (this.#stopSequence !== null) return [];
    if (part.type === "text") {
      const { text, stopSequence } = this.#stops.push(part.text);
      this.#stopSequence = stopSequence;
      return text === "" ? [] : [{ ...part, text }];
    }
    if (part.type === "tool_call_arguments") return [part];
    const held = this.#stops.flush(); // a call lies between it and what could complete it
    return held === "" ? [part] : [{ type: "text", text: held }, part];
  }

  #keep(parts: AnswerPart[]): AnswerPart[] {
    for (const part of parts) {
      if (part.type === "tool_call") this.#calls.push({ name: part.name, arguments: "" });
      else if (part.type === "text") this.#text += part.text;
      else this.#calls[part.index]!.arguments += part.text;
    }
    return parts;
  }
}

/** Parsers go by characters; events should not. */
function mergeParts(parts: readonly AnswerPart[]): AnswerPart[] {
  const merged: AnswerPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (last?.type === "text" && part.type === "text") last.text += part.text;
    else if (
      last?.type === "tool_call_arguments" && part.type === "tool_call_arguments" &&
      last.index === part.index
    ) last.text += part.text;
    else merged.push({ ...part });
  }
  return merged;
}
