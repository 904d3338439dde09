/**
 * For models whose chat template knows no tools: the tools are described in a system message, and the whole answer is one JSON object,
 * a message or a list of calls.
 *
 * @module
 */
import type { ChatMessage, ToolCall, ToolChoice, ToolDefinition } from "../../types.ts";
import { isSpace } from "./call_reader.ts";
import { JsonStringDecoder } from "./json_string.ts";
import type { AnswerPart, ToolFormat } from "./tool_format.ts";
import { WholeAnswerParser } from "./whole_answer.ts";

const MESSAGE = '{"type": "message", "content": ';
const CALLS = '{"type": "function_call", "calls": [';

/** `{"type": "message", "content": "…"}` or `{"type": "function_call", "calls": [{"name": "f", "arguments": {…}}]}`. */
export const JSON_ANSWER: ToolFormat = {
  name: "json",
  syntax: {
    trigger: null,
    triggersEach: false,
    begin: CALLS,
    open: '{"name": ',
    middle: ', "arguments": ',
    close: "}",
    separator: ", ",
    end: "]}",
    message: { begin: MESSAGE, end: "}" },
  },
  markers: [],
  describe: describeTools,
  createParser: (names) => new JsonAnswerParser(names),
};

/**
 * A conversation with tools as one without: tools become a system message, calls and results become text.
 *
 * @param choice decides the sentence about whether to call
 */
function describeTools(
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
  choice: ToolChoice,
): ChatMessage[] {
  const instructions = messages.filter(({ role }) => role === "system");
  const turns = messages.filter(({ role }) => role !== "system").map(describeTurn);
  if (tools.length === 0) return [...instructions, ...turns];
  const list = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters: parameters ?? {} })
  );
  const sections = [
    ...instructions.map(({ content }) => content.trim()),
    "Answer with exactly one JSON object and nothing else. It has one of two forms:",
    `${MESSAGE}"your answer"}`,
    `${CALLS}{"name": "function name", "arguments": {}}]}`,
    `You can call these functions:\n${list.join("\n")}`,
    describeChoice(choice),
    "The result of a call comes as a user message that begins with [function_result].",
  ];
  const system: ChatMessage = {
    role: "system",
    content: sections.filter((section) => section !== "").join("\n\n"),
  };
  return [system, ...turns];
}

function describeChoice(choice: ToolChoice): string {
  if (typeof choice === "object") return `Call the function ${choice.name} now.`;
  return choice === "required"
    ? "Call at least one function now."
    : "Call functions where they help; otherwise answer with a message.";
}

function describeTurn(message: ChatMessage): ChatMessage {
  if (message.role === "tool") {
    const id = message.toolCallId ?? "";
    return {
      role: "user",
      content: `[function_result call_id=${id}]\n${message.content}\n[/function_result]`,
    };
  }
  if (message.role !== "assistant" || !message.toolCalls?.length) return message;
  const calls = message.toolCalls.map(describeCall);
  return { role: "assistant", content: [message.content, ...calls].filter(Boolean).join("\n") };
}

function describeCall({ id, name, arguments: text }: ToolCall): string {
  return `[function_call name=${name} call_id=${id}]\n${text}\n[/function_call]`;
}

/** Reads both forms; any other answer is text. */
class JsonAnswerParser extends WholeAnswerParser {
  readonly #content = new JsonStringDecoder();
  #state: "head" | "content" | "between" | "end" = "head";

  protected override readAround(char: string, parts: AnswerPart[]): void {
    switch (this.#state) {
      case "head":
        return this.#readHead(char, parts);
      case "content":
        parts.push(...this.text.push(this.#content.push(char)));
        if (this.#content.isDone) this.#state = "end";
        break;
      case "between":
        if (char === "{") this.beginCall(char, parts);
        else if (char === "]") this.#state = "end";
        else this.held += char;
    }
  }

  protected override endCall(): void {
    this.#state = "between";
  }

  protected override flushContent(): string {
    return this.#content.flush();
  }

  /** Compared without white space: the forms have none inside their strings. */
  #readHead(char: string, parts: AnswerPart[]): void {
    this.held += char;
    if (isSpace(char)) return;
    const seen = withoutSpace(this.held);
    const [message, calls] = [withoutSpace(MESSAGE) + '"', withoutSpace(CALLS)];
    if (seen === message) {
      this.held = "";
      this.#state = "content";
    } else if (seen === calls) this.#state = "between"; // held until the first call is one
    else if (!message.startsWith(seen) && !calls.startsWith(seen)) this.degrade(parts);
  }
}

function withoutSpace(text: string): string {
  let kept = "";
  for (const char of text) if (!isSpace(char)) kept += char;
  return kept;
}
