/**
 * Chat templates of MLC packages: the `conv_template` of `mlc-chat-config.json`.
 *
 * @see https://github.com/mlc-ai/mlc-llm/blob/main/python/mlc_llm/protocol/conversation_protocol.py
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { invalidField, isJsonObject, type JsonObject } from "../../formats/mod.ts";
import { toolsRefused } from "./chat_template.ts";
import type {
  ChatTemplate,
  RenderedPrompt,
  TemplateMessage,
  TemplateTool,
} from "./chat_template.ts";

/** A checked `conv_template`; names as published. */
export interface ConvTemplate {
  /** Holds `{system_message}`. */
  system_template: string;
  /** Used when the conversation has no system message. */
  system_message: string;
  /** Stand before the text, mostly the beginning of text. */
  system_prefix_token_ids: readonly number[];
  /** False leaves the first role name out where a system message precedes it. */
  add_role_after_system_message: boolean;
  /** What introduces a turn of user, assistant or tool. */
  roles: Readonly<Record<string, string>>;
  /** Hold `{user_message}`, `{assistant_message}`, `{tool_message}`. */
  role_templates: Readonly<Record<string, string>>;
  /** Behind user and tool turns, behind assistant turns. */
  seps: readonly [string, string];
  /** Between the role name and the content. */
  role_content_sep: string;
  /** Behind the role name that asks for an answer. */
  role_empty_sep: string;
  /** Texts that end an answer. */
  stop_str: readonly string[];
  /** Tokens that end an answer. */
  stop_token_ids: readonly number[];
}

const FUNCTIONS = "{function_string}";

/**
 * Reads the conversation template of a chat configuration.
 *
 * @returns null when there is none; old packages have only a name there
 * @throws {ModelInvalidError} a field has the wrong kind
 */
export function readConvTemplate(path: string, chatConfig: JsonObject): ConvTemplate | null {
  const json = chatConfig.conv_template;
  if (!isJsonObject(json)) return null;
  const text = (name: string, fallback: string) => readText(path, name, json[name] ?? fallback);
  const [sep = "", assistantSep = sep] = readStrings(path, "seps", json.seps ?? [""], 2);
  return {
    system_template: text("system_template", "{system_message}"),
    system_message: text("system_message", ""),
    system_prefix_token_ids: readIds(
      path,
      "system_prefix_token_ids",
      json.system_prefix_token_ids ?? [],
    ),
    add_role_after_system_message: json.add_role_after_system_message !== false,
    roles: readTable(path, "roles", json.roles),
    role_templates: {
      user: "{user_message}",
      assistant: "{assistant_message}",
      tool: "{tool_message}",
      ...readTable(path, "role_templates", json.role_templates ?? {}),
    },
    seps: [sep, assistantSep],
    role_content_sep: text("role_content_sep", ""),
    role_empty_sep: text("role_empty_sep", ""),
    stop_str: readStrings(path, "stop_str", json.stop_str ?? [], 16).filter((stop) => stop !== ""),
    stop_token_ids: readIds(path, "stop_token_ids", json.stop_token_ids ?? []),
  };
}

/** Makes a chat template of it. */
export function createConvTemplate(conv: ConvTemplate): ChatTemplate {
  const ownTexts = [
    conv.system_template,
    conv.system_message,
    ...Object.values(conv.roles),
    ...Object.values(conv.role_templates),
    ...conv.seps,
    conv.role_content_sep,
    conv.role_empty_sep,
  ];
  const acceptsTools = ownTexts.some((text) => text.includes(FUNCTIONS));
  return {
    source: ownTexts.join("\n"),
    acceptsTools,
    render(messages, tools) {
      if (tools.length > 0 && !acceptsTools) throw toolsRefused();
      return renderConversation(conv, messages, tools);
    },
  };
}

function renderConversation(
  conv: ConvTemplate,
  messages: readonly TemplateMessage[],
  tools: readonly TemplateTool[],
): RenderedPrompt {
  const functions = tools.length > 0 ? JSON.stringify(tools) : "";
  const system = renderSystem(conv, messages, functions);
  const turns = messages.filter((message) => message.role !== "system");
  let text = system;
  for (const [i, message] of turns.entries()) {
    const { role } = message;
    const roleName = conv.roles[role];
    const template = conv.role_templates[role];
    if (roleName === undefined || template === undefined) {
      throw new InvalidRequestError(
        "messages",
        `The model's chat template has no role "${role}"; it knows ${Object.keys(conv.roles)}`,
      );
    }
    const omitsRole = i === 0 && system !== "" && !conv.add_role_after_system_message;
    if (!omitsRole) text += roleName + conv.role_content_sep;
    // Functions stand before the last user turn only; the placeholder goes first, so that no content is taken for one.
    const isLastUserTurn = role === "user" &&
      turns.slice(i + 1).every((later) => later.role !== "user");
    const filled = template.replaceAll(FUNCTIONS, () => isLastUserTurn ? functions : "");
    text += fill(filled, `{${role}_message}`, contentOf(message));
    text += conv.seps[role === "assistant" ? 1 : 0];
  }
  text += (conv.roles.assistant ?? "") + conv.role_empty_sep;
  return { prefixTokenIds: conv.system_prefix_token_ids, text };
}

/** The conversation's own system messages, else the template's. */
function renderSystem(
  conv: ConvTemplate,
  messages: readonly TemplateMessage[],
  functions: string,
): string {
  const own = messages.filter((message) => message.role === "system")
    .map((message) => message.content);
  const content = own.length > 0 ? own.join("\n") : conv.system_message;
  return fill(
    conv.system_template.replaceAll(FUNCTIONS, () => functions),
    "{system_message}",
    content,
  );
}

/** An assistant turn that only calls tools carries the calls as JSON, the way the model is asked to write them. */
function contentOf(message: TemplateMessage): string {
  if (message.tool_calls === undefined || message.content !== "") return message.content;
  return JSON.stringify(message.tool_calls.map((call) => call.function));
}

/** A function as replacement: `$&` in content means nothing. */
function fill(template: string, placeholder: string, content: string): string {
  return template.replaceAll(placeholder, () => content);
}

function readText(path: string, name: string, value: unknown): string {
  if (typeof value !== "string") throw invalidField(path, `conv_template.${name}`, value, "a text");
  return value;
}

/** One text is a list of one. */
function readStrings(path: string, name: string, value: unknown, max: number): string[] {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length > max || list.some((item) => typeof item !== "string")) {
    throw invalidField(path, `conv_template.${name}`, value, `a list of at most ${max} texts`);
  }
  return list;
}

function readIds(path: string, name: string, value: unknown): number[] {
  if (!Array.isArray(value) || value.some((id) => !Number.isSafeInteger(id) || id < 0)) {
    throw invalidField(path, `conv_template.${name}`, value, "a list of token ids");
  }
  return value;
}

function readTable(path: string, name: string, value: unknown): Record<string, string> {
  if (!isJsonObject(value) || Object.values(value).some((item) => typeof item !== "string")) {
    throw invalidField(path, `conv_template.${name}`, value, "a table of texts");
  }
  return value as Record<string, string>;
}
