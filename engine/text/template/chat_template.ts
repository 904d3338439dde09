/**
 * What both kinds of chat template share: the conversation as templates expect it, and the rendered prompt.
 *
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { isJsonObject } from "../../formats/mod.ts";
import type { ChatMessage, ToolDefinition } from "../../types.ts";

/** A message in the shape that published templates read. */
export interface TemplateMessage {
  /** Who speaks. */
  role: ChatMessage["role"];
  /** Plain text. */
  content: string;
  /** Absent rather than empty: templates ask whether it is defined. */
  tool_calls?: {
    id: string;
    type: "function";
    function: { name: string; arguments: unknown };
  }[];
  /** The call that a tool message answers. */
  tool_call_id?: string;
  /** Name of the function whose result a tool message carries. */
  name?: string;
}

/** A tool in the shape that published templates read. */
export interface TemplateTool {
  /** The only kind there is. */
  type: "function";
  /** What may be called. */
  function: { name: string; description?: string; parameters: Record<string, unknown> };
}

/** A prompt before tokenization. */
export interface RenderedPrompt {
  /** Tokens that stand before the text. */
  prefixTokenIds: readonly number[];
  /** The prompt, control tokens as their literals. */
  text: string;
}

/** Conversation → prompt that asks for an assistant turn. */
export interface ChatTemplate {
  /** The template's own text: which control tokens it writes, which characters it uses. */
  readonly source: string;
  /** Whether it has a place for tools. */
  readonly acceptsTools: boolean;
  /**
   * Renders a conversation.
   *
   * @throws {InvalidRequestError} the template refuses the messages, or has no place for tools
   */
  render(messages: readonly TemplateMessage[], tools: readonly TemplateTool[]): RenderedPrompt;
}

/** Changes text from outside before a template sees it. */
export type ProtectText = (text: string, role: ChatMessage["role"]) => string;

/** Keys that templates ask for by name, so they must stay as they are. */
const SCHEMA_KEYS: ReadonlySet<string> = new Set(
  ("type properties required description enum items name parameters additionalProperties default anyOf oneOf allOf format " +
    "title minimum maximum minItems maxItems minLength maxLength pattern const $ref $defs")
    .split(" "),
);

/** Brings messages into the published shape, every text protected. */
export function shapeMessages(
  messages: readonly ChatMessage[],
  protect: ProtectText,
): TemplateMessage[] {
  const functionNames = new Map<string, string>();
  return messages.map((message) => {
    const shaped: TemplateMessage = {
      role: message.role,
      content: protect(message.content, message.role),
    };
    if (message.toolCalls !== undefined && message.toolCalls.length > 0) {
      shaped.tool_calls = message.toolCalls.map((call) => {
        functionNames.set(call.id, call.name);
        return {
          id: protect(call.id, "tool"),
          type: "function",
          function: {
            name: protect(call.name, "tool"),
            arguments: protectJson(readArguments(call.arguments), protect),
          },
        };
      });
    }
    if (message.toolCallId !== undefined) {
      shaped.tool_call_id = protect(message.toolCallId, "tool");
      const name = functionNames.get(message.toolCallId);
      if (name !== undefined) shaped.name = protect(name, "tool");
    }
    return shaped;
  });
}

/**
 * Gives calls the ids that Mistral's templates insist on: nine letters and digits, here the last ones of the id. Calls and their
 * results keep belonging together.
 */
export function shortenCallIds(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const shorten = (id: string) => id.replace(/[^A-Za-z0-9]/g, "").slice(-9).padStart(9, "0");
  return messages.map((message) => ({
    ...message,
    ...(message.tool_calls === undefined ? {} : {
      tool_calls: message.tool_calls.map((call) => ({ ...call, id: shorten(call.id) })),
    }),
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: shorten(message.tool_call_id) }),
  }));
}

/** Brings tools into the published shape, every text protected. */
export function shapeTools(
  tools: readonly ToolDefinition[],
  protect: ProtectText,
): TemplateTool[] {
  return tools.map(({ name, description, parameters }) => ({
    type: "function",
    function: {
      name: protect(name, "tool"),
      ...(description === undefined ? {} : { description: protect(description, "tool") }),
      parameters: protectJson(
        parameters ?? { type: "object", properties: {} },
        protect,
      ) as Record<string, unknown>,
    },
  }));
}

/** Every text of a conversation that comes from outside. */
export function collectTexts(
  messages: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
): string[] {
  const texts: string[] = [];
  const collect = (text: string) => {
    texts.push(text);
    return text;
  };
  shapeMessages(messages, collect);
  shapeTools(tools, collect);
  return texts;
}

/** Templates read arguments as an object; text that is none, as models write it at times, is handed on as text. */
function readArguments(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : text;
  } catch {
    return text;
  }
}

function protectJson(value: unknown, protect: ProtectText): unknown {
  if (typeof value === "string") return protect(value, "tool");
  if (Array.isArray(value)) return value.map((item) => protectJson(item, protect));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      SCHEMA_KEYS.has(key) ? key : protect(key, "tool"),
      protectJson(item, protect),
    ]),
  );
}

/** The error of a template without a place for tools. */
export function toolsRefused(): InvalidRequestError {
  return new InvalidRequestError(
    "tools",
    "The model's chat template has no place for tools; leave tools out or take a model that was trained with them",
  );
}
