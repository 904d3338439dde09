/**
 * What a family of models has of its own when it calls functions: how calls are written and how they are read.
 *
 * @module
 */
import type { ChatMessage, ToolChoice, ToolDefinition } from "../../types.ts";

/** A piece of an answer; a generation's events are made of them. */
export type AnswerPart =
  | { type: "text"; text: string }
  | { type: "tool_call"; index: number; name: string }
  | { type: "tool_call_arguments"; index: number; text: string };

/** Splits the text of one answer into what is said and what is called. */
export interface ToolCallParser {
  /** Takes more text; holds back what may still become a call. */
  push(text: string): AnswerPart[];
  /** What was held back, once no text follows. */
  flush(): AnswerPart[];
}

/** How calls are written; `sampling/grammar` makes a grammar of it. */
export interface ToolCallSyntax {
  /** Text that begins calls wherever it stands; null where calls are the whole answer. */
  readonly trigger: string | null;
  /** Whether every call has the trigger, or only the list of calls. */
  readonly triggersEach: boolean;
  /** Behind the list's trigger. */
  readonly begin: string;
  /** Before a call's name, which is a JSON string; behind the call's trigger. */
  readonly open: string;
  /** Between name and arguments. */
  readonly middle: string;
  /** Behind the arguments. */
  readonly close: string;
  /** Between calls; null where there can be one only. */
  readonly separator: string | null;
  /** Behind the last call. */
  readonly end: string;
  /** Around an answer without calls, which is then a JSON string; null where it is plain text. */
  readonly message: { readonly begin: string; readonly end: string } | null;
}

/** One family. */
export interface ToolFormat {
  /** For the runtime plan and the log. */
  readonly name: "hermes" | "llama3" | "mistral" | "json";
  readonly syntax: ToolCallSyntax;
  /** Special tokens that the parser must see; all others have no text. */
  readonly markers: readonly string[];
  /**
   * Puts the tools into the messages; null where the chat template shows them.
   *
   * @returns a conversation without tools, calls and results
   */
  readonly describe:
    | ((
      messages: readonly ChatMessage[],
      tools: readonly ToolDefinition[],
      choice: ToolChoice,
    ) => ChatMessage[])
    | null;
  /** @param names the functions that may be called; a call of another is text */
  createParser(names: ReadonlySet<string>): ToolCallParser;
}
