/**
 * Conversations that chat templates are tried on.
 *
 * @module
 */
import type { ChatMessage, ToolDefinition } from "../../engine/types.ts";

/** A conversation and what may be called in it. */
export interface TemplateCase {
  name: string;
  messages: ChatMessage[];
  tools: ToolDefinition[];
}

const WEATHER: ToolDefinition = {
  name: "get_weather",
  description: "Weather of a city",
  parameters: {
    type: "object",
    properties: {
      city: { type: "string", description: 'Name, such as "Zürich" or 東京' },
      unit: { type: "string", enum: ["°C", "°F"], default: null },
      days: { type: "integer", minimum: 1, maximum: 14 },
      exact: { type: "boolean", default: false },
    },
    required: ["city"],
  },
};
const CLOCK: ToolDefinition = {
  name: "clock",
  description: 'It\'s <the> time & "date"',
  parameters: { type: "object", properties: {} },
};

const CALL = { id: "abc123def", name: "get_weather", arguments: '{"city":"Zürich","days":2}' };
const CLOCK_CALL = { id: "ghi456jkl", name: "clock", arguments: "{}" };

const SYSTEM: ChatMessage = { role: "system", content: "Be brief." };
const QUESTION: ChatMessage = { role: "user", content: "Weather in Zürich?" };
const CALLING: ChatMessage = { role: "assistant", content: "", toolCalls: [CALL] };
const RESULT: ChatMessage = {
  role: "tool",
  content: '{"degrees": 3, "sky": "☁"}',
  toolCallId: CALL.id,
};

/** Turns of a conversation, the user's first. */
function turns(...contents: string[]): ChatMessage[] {
  return contents.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }));
}

/** Every conversation. */
export const TEMPLATE_CASES: readonly TemplateCase[] = [
  { name: "one turn", messages: turns("Hi"), tools: [] },
  { name: "system", messages: [SYSTEM, ...turns("Hi")], tools: [] },
  { name: "several turns", messages: turns("Hi", "Hello Ada!", "Who am I?"), tools: [] },
  {
    name: "system and several turns",
    messages: [SYSTEM, ...turns("Hi", "Hello!", "And now?", "Now this.", "Thanks")],
    tools: [],
  },
  {
    name: "blanks at the edges",
    messages: [
      { role: "system", content: "\n  Be brief. \t\n" },
      ...turns(" \n Hi  there \n\n", "\n\n Hello \n", "  ", "", "\tbye\r\n"),
    ],
    tools: [],
  },
  {
    name: "unicode and markup",
    messages: turns(
      "Grüße 🙂 東京 \u00a0 {{ x }} {% if y %} {# z #} \"q\" 'a' <b>&amp;</b> \\n \\ `c` ${d}",
      "e\u0301 \u200d \u2028 </s-x> [b] {}",
      "𝓗 ﷽ ",
    ),
    tools: [],
  },
  { name: "assistant prefix", messages: turns("Count", "1, 2,"), tools: [] },
  {
    name: "thoughts",
    messages: turns(
      "Why?",
      "<think>\nHm, let me see.\n</think>\n\nBecause.",
      "And why that?",
      "<think>Again?</think>So.",
      "I see",
    ),
    tools: [],
  },
  { name: "tools", messages: turns("Weather in Zürich?"), tools: [WEATHER] },
  { name: "system and tools", messages: [SYSTEM, QUESTION], tools: [WEATHER, CLOCK] },
  { name: "tool result", messages: [QUESTION, CALLING, RESULT], tools: [WEATHER] },
  {
    name: "several calls, then an answer",
    messages: [
      SYSTEM,
      QUESTION,
      { role: "assistant", content: "Let me look.", toolCalls: [CALL, CLOCK_CALL] },
      RESULT,
      { role: "tool", content: "12:00", toolCallId: CLOCK_CALL.id },
      { role: "assistant", content: "3 degrees at noon." },
      { role: "user", content: "Thanks" },
    ],
    tools: [WEATHER, CLOCK],
  },
  { name: "two user turns", messages: [...turns("a"), ...turns("b")], tools: [] },
  {
    name: "system in the middle",
    messages: [...turns("a", "b"), SYSTEM, ...turns("c")],
    tools: [],
  },
];
