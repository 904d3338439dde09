/**
 * OpenAI's messages in the engine's words.
 *
 * @module
 */
import type { ChatMessage } from "../../engine/mod.ts";
import { badRequest } from "../errors.ts";
import type { ChatMessageParam } from "../schema/chat.ts";

/**
 * Converts the conversation.
 *
 * @throws {ApiError} 400: a part that is not text, an empty turn, or a conversation that ends with the assistant
 */
export function toChatMessages(params: ChatMessageParam[]): ChatMessage[] {
  const last = params.at(-1)!.role;
  if (last !== "user" && last !== "tool") {
    throw badRequest(
      "messages",
      `Invalid "messages": the last message must be a user or tool message, got ${last}`,
    );
  }
  return params.map((param, i) => toChatMessage(param, `messages[${i}]`));
}

function toChatMessage(param: ChatMessageParam, at: string): ChatMessage {
  const content = toText(param.content ?? param.refusal, `${at}.content`);
  const calls = param.tool_calls ?? [];
  // A function may return nothing, and clients repeat an assistant's empty turn; all others say something.
  if (content === "" && param.role !== "tool" && param.role !== "assistant") {
    throw badRequest(`${at}.content`, `Invalid "${at}.content": expected text, got none`);
  }
  if (param.role === "tool") return toToolMessage(param, content, at);
  return {
    role: param.role === "developer" ? "system" : param.role,
    content,
    ...(param.role === "assistant" && calls.length > 0
      ? { toolCalls: calls.map((call) => ({ id: call.id, ...call.function })) }
      : {}),
  };
}

function toToolMessage(param: ChatMessageParam, content: string, at: string): ChatMessage {
  if (!param.tool_call_id) {
    throw badRequest(
      `${at}.tool_call_id`,
      `Invalid "${at}.tool_call_id": a tool message must name the call that it answers`,
      "missing_required_parameter",
    );
  }
  return { role: "tool", content, toolCallId: param.tool_call_id };
}

function toText(content: ChatMessageParam["content"], at: string): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map((part, i) => {
    const { type } = part;
    if (type !== "text" && type !== "refusal") {
      throw badRequest(
        `${at}[${i}]`,
        `Invalid "${at}[${i}]": only text parts are supported, got type ${
          JSON.stringify(type.slice(0, 40))
        }`,
      );
    }
    const text = part[type];
    if (text === null || text === undefined) {
      throw badRequest(
        `${at}[${i}].${type}`,
        `Invalid "${at}[${i}].${type}": it is required`,
        "missing_required_parameter",
      );
    }
    return text;
  }).join("");
}
