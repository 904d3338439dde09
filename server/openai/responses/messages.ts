/**
 * A conversation of items in the engine's words.
 *
 * @module
 */
import type { ChatMessage } from "../../../engine/mod.ts";
import { badRequest } from "../../errors.ts";
import type { Item, MessageItem } from "./items.ts";

/**
 * Converts the conversation. Calls join the turn that made them, and reasoning is left out, as the templates of
 * published models leave out the reasoning of earlier turns.
 *
 * @throws {ApiError} 400: nothing for the model to answer
 */
export function toChatMessages(instructions: string | null, items: Item[]): ChatMessage[] {
  const messages: ChatMessage[] = instructions ? [{ role: "system", content: instructions }] : [];
  for (const item of items) addItem(messages, item);
  const last = messages.at(-1)?.role;
  if (last === undefined || last === "assistant") {
    const found = last === undefined ? "no message at all" : "an assistant's turn";
    throw badRequest(
      "input",
      `Invalid "input": it must end with a message or a function_call_output to answer, got ${found}`,
    );
  }
  return messages;
}

function addItem(messages: ChatMessage[], item: Item): void {
  const last = messages.at(-1);
  switch (item.type) {
    case "message": {
      const content = textOf(item);
      const role = item.role === "developer" ? "system" : item.role;
      // A template has one place for the system's words, at the front.
      const isFront = role === "system" && messages.every((message) => message.role === "system");
      if (isFront && last) last.content += `\n\n${content}`;
      else messages.push({ role, content });
      return;
    }
    case "function_call": {
      // The budget ended it, so it was never made, and its arguments are no JSON.
      if (item.status === "incomplete") return;
      const call = { id: item.call_id, name: item.name, arguments: item.arguments };
      if (last?.role === "assistant") last.toolCalls = [...last.toolCalls ?? [], call];
      else messages.push({ role: "assistant", content: "", toolCalls: [call] });
      return;
    }
    case "function_call_output": {
      const { call_id: toolCallId, output } = item;
      const content = typeof output === "string" ? output : output.map(({ text }) => text).join("");
      messages.push({ role: "tool", content, toolCallId });
      return;
    }
    case "reasoning":
      return;
  }
}

function textOf({ content }: MessageItem): string {
  return content.map((part) => part.type === "refusal" ? part.refusal : part.text).join("");
}
