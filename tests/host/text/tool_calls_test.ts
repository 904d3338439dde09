import assert from "node:assert/strict";
import { ReasoningSplitter } from "../../../engine/text/reasoning.ts";
import { HERMES } from "../../../engine/text/tool_calls/hermes.ts";
import { JSON_ANSWER } from "../../../engine/text/tool_calls/json_answer.ts";
import { LLAMA3 } from "../../../engine/text/tool_calls/llama3.ts";
import { MISTRAL } from "../../../engine/text/tool_calls/mistral.ts";
import {
  type AnswerPart,
  chooseToolFormat,
  type ToolFormat,
} from "../../../engine/text/tool_calls/mod.ts";
import { readTemplate } from "../../support/text_model.ts";

const NAMES = new Set(["get_weather", "add"]);

/** What an answer says: its text, and each call as name and arguments. */
interface Reading {
  text: string;
  calls: [name: string, args: string][];
}

function read(format: ToolFormat, pieces: readonly string[]): Reading {
  const parser = format.createParser(NAMES);
  const parts: AnswerPart[] = pieces.flatMap((piece) => parser.push(piece));
  parts.push(...parser.flush());
  const reading: Reading = { text: "", calls: [] };
  for (const part of parts) {
    if (part.type === "text") reading.text += part.text;
    else if (part.type === "tool_call") {
      assert.equal(part.index, reading.calls.length);
      reading.calls.push([part.name, ""]);
    } else {
      assert.equal(part.index, reading.calls.length - 1);
      reading.calls[part.index]![1] += part.text;
    }
  }
  return reading;
}

/** Every cut into two, and every character by itself. */
function* splits(text: string): Generator<string[]> {
  for (let at = 0; at <= text.length; at++) yield [text.slice(0, at), text.slice(at)];
  yield [...text];
  yield text.split("");
}

interface Case {
  title: string;
  format: ToolFormat;
  answer: string;
  text: string;
  calls: Reading["calls"];
}

const PARIS = '{"city": "Paris"}';

const CASES: Case[] = [
  {
    title: "Hermes: one call",
    format: HERMES,
    answer: `<tool_call>\n{"name": "get_weather", "arguments": ${PARIS}}\n</tool_call>`,
    text: "",
    calls: [["get_weather", PARIS]],
  },
  {
    title: "Hermes: text, two calls, text",
    format: HERMES,
    answer:
      `Let me <b>see</b>.\n\n<tool_call>\n{"name": "get_weather", "arguments": ${PARIS}}\n</tool_call>\n` +
      `<tool_call>\n{"name": "add", "arguments": {"a": [1, {"b": "}"}]}}\n</tool_call>\nDone.`,
    text: "Let me <b>see</b>.\nDone.",
    calls: [["get_weather", PARIS], ["add", '{"a": [1, {"b": "}"}]}']],
  },
  {
    title: "Hermes: markers and escapes inside arguments",
    format: HERMES,
    answer:
      '<tool_call>{"name":"add","arguments":{"a":"</tool_call> \\"<tool_call>\\\\"}}</tool_call>',
    text: "",
    calls: [["add", '{"a":"</tool_call> \\"<tool_call>\\\\"}']],
  },
  {
    title: "Hermes: arguments before the name, and as text",
    format: HERMES,
    answer: '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>' +
      '<tool_call>{"name": "add", "arguments": "{\\"a\\": 2}"}</tool_call>',
    text: "",
    calls: [["add", '{"a":1}'], ["add", '{"a":2}']],
  },
  {
    title: "Hermes: no arguments at all",
    format: HERMES,
    answer: '<tool_call>\n{"name": "add"}\n</tool_call>',
    text: "",
    calls: [["add", "{}"]],
  },
  {
    title: "Hermes: an unknown function is text",
    format: HERMES,
    answer: 'a <tool_call>\n{"name": "rm", "arguments": {}}\n</tool_call> b',
    text: 'a <tool_call>\n{"name": "rm", "arguments": {}}\n</tool_call> b',
    calls: [],
  },
  {
    title: "Hermes: what is no object is text, and the next call is a call",
    format: HERMES,
    answer: `<tool_call>hm<tool_call>{"name": "get_weather", "arguments": ${PARIS}}</tool_call>`,
    text: "<tool_call>hm",
    calls: [["get_weather", PARIS]],
  },
  {
    title: "Hermes: a call that is cut off keeps what it has",
    format: HERMES,
    answer: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Pa',
    text: "",
    calls: [["get_weather", '{"city": "Pa']],
  },
  {
    title: "Hermes: plain text with the beginning of a marker",
    format: HERMES,
    answer: "1 <tool_cal 2 <<tool_call 3 ",
    text: "1 <tool_cal 2 <<tool_call 3 ",
    calls: [],
  },
  {
    title: "Mistral: a list of two",
    format: MISTRAL,
    answer: `[TOOL_CALLS] [{"name": "get_weather", "arguments": ${PARIS}, "id": "abc"}, ` +
      `{"name": "add", "arguments": {}}]`,
    text: "",
    calls: [["get_weather", PARIS], ["add", "{}"]],
  },
  {
    title: "Mistral: text before, and what is no list",
    format: MISTRAL,
    answer: "Hello [TOOL_CALLS] none",
    text: "Hello [TOOL_CALLS] none",
    calls: [],
  },
  {
    title: "Mistral: a list cut off behind its first call",
    format: MISTRAL,
    answer: '[TOOL_CALLS] [{"name": "add", "arguments": {}}, {"name": "ad',
    text: "",
    calls: [["add", "{}"]],
  },
  {
    title: "Llama 3: a bare call",
    format: LLAMA3,
    answer: `{"name": "get_weather", "parameters": ${PARIS}}`,
    text: "",
    calls: [["get_weather", PARIS]],
  },
  {
    title: "Llama 3: behind the marker, two calls",
    format: LLAMA3,
    answer: `<|python_tag|>{"name": "add", "parameters": {}}; ` +
      `{"type": "function", "name": "get_weather", "parameters": {"city": "Rome"}}`,
    text: "",
    calls: [["add", "{}"], ["get_weather", '{"city":"Rome"}']],
  },
  {
    title: "Llama 3: text, also with an object in it",
    format: LLAMA3,
    answer: 'It is {"name": "add", "parameters": {}}',
    text: 'It is {"name": "add", "parameters": {}}',
    calls: [],
  },
  {
    title: "Llama 3: another object is text",
    format: LLAMA3,
    answer: '{"city": "Paris", "name": "x"} and {more}',
    text: '{"city": "Paris", "name": "x"} and {more}',
    calls: [],
  },
  {
    title: "JSON answer: a message with every escape",
    format: JSON_ANSWER,
    answer:
      '{"type": "message", "content": "a\\n\\"b\\" \\u00e9 \\ud83d\\ude00 \\ud83d! \\/ \\\\ 😀"}',
    text: 'a\n"b" é 😀 \ufffd! / \\ 😀',
    calls: [],
  },
  {
    title: "JSON answer: calls",
    format: JSON_ANSWER,
    answer: `{"type":"function_call","calls":[{"name":"get_weather","arguments":${PARIS}},` +
      `{"name":"add","arguments":{}}]}`,
    text: "",
    calls: [["get_weather", PARIS], ["add", "{}"]],
  },
  {
    title: "JSON answer: anything else is text",
    format: JSON_ANSWER,
    answer: '{"type": "other", "content": 1} ',
    text: '{"type": "other", "content": 1} ',
    calls: [],
  },
  {
    title: "JSON answer: a call of an unknown function is text",
    format: JSON_ANSWER,
    answer: '{"type": "function_call", "calls": [{"name": "rm", "arguments": {}}]}',
    text: '{"type": "function_call", "calls": [{"name": "rm", "arguments": {}}]}',
    calls: [],
  },
];

for (const { title, format, answer, text, calls } of CASES) {
  Deno.test(`ToolCallParser reads ${title}, however it is cut`, () => {
    for (const pieces of splits(answer)) {
      assert.deepEqual(read(format, pieces), { text, calls }, JSON.stringify(pieces));
    }
  });
}

Deno.test("ToolCallParser passes arguments on while they are written", () => {
  const parser = HERMES.createParser(NAMES);
  parser.push('<tool_call>\n{"name": "get_weather", "arguments": {"ci');
  assert.deepEqual(parser.push("ty"), [
    { type: "tool_call_arguments", index: 0, text: "t" },
    { type: "tool_call_arguments", index: 0, text: "y" },
  ]);
});

Deno.test("ToolCallParser takes time linear in an answer full of markers", () => {
  const parser = HERMES.createParser(NAMES);
  const start = performance.now();
  for (let i = 0; i < 20_000; i++) parser.push("<tool_call>{");
  parser.flush();
  assert.ok(performance.now() - start < 2000);
});

Deno.test("chooseToolFormat() knows the families by their templates", () => {
  const choose = (source: string, acceptsTools = true) =>
    chooseToolFormat({ source, acceptsTools }).name;
  assert.equal(choose(readTemplate("qwen2_5.jinja")), "hermes");
  assert.equal(choose(readTemplate("llama3.jinja")), "llama3");
  assert.equal(choose("{% if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS]"), "mistral");
  assert.equal(choose("{{ messages }}", false), "json");
  assert.equal(chooseToolFormat(null).name, "json");
});

Deno.test("ToolFormat.describe() puts tools, calls and results into the conversation", () => {
  const messages = JSON_ANSWER.describe!(
    [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "c1", name: "get_weather", arguments: PARIS }],
      },
      { role: "tool", content: "sunny", toolCallId: "c1" },
    ],
    [{ name: "get_weather", description: "Weather of a city" }],
    "required",
  );
  assert.deepEqual(messages.map(({ role }) => role), ["system", "user", "assistant", "user"]);
  assert.match(messages[0]!.content, /^Be brief\.\n\n/);
  assert.match(messages[0]!.content, /"description":"Weather of a city"/);
  assert.match(messages[0]!.content, /at least one function/);
  assert.equal(
    messages[2]!.content,
    `[function_call name=get_weather call_id=c1]\n${PARIS}\n[/function_call]`,
  );
  assert.equal(
    messages[3]!.content,
    "[function_result call_id=c1]\nsunny\n[/function_result]",
  );
});

function readReasoning(isOpen: boolean, pieces: readonly string[]) {
  const splitter = new ReasoningSplitter(isOpen);
  const parts = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.flush()];
  const join = (type: string) =>
    parts.filter((part) => part.type === type).map(({ text }) => text).join("");
  return { reasoning: join("reasoning"), answer: join("answer") };
}

const REASONED: [isOpen: boolean, text: string, reasoning: string, answer: string][] = [
  [false, "<think>\nWell. \n</think>\n\nYes.\n", "Well.", "Yes.\n"],
  [true, "\nWell, a < b </thin.\n</think>\n\nYes.", "Well, a < b </thin.", "Yes."],
  [false, "<think>\n\n</think>\n\nYes.", "", "Yes."],
  [false, "No tags, <think> later", "", "No tags, <think> later"],
  [false, " <thi", "", " <thi"],
  [false, "<think>cut off </th", "cut off </th", ""],
  [true, "never closed \n", "never closed", ""],
];

for (const [isOpen, text, reasoning, answer] of REASONED) {
  Deno.test(`ReasoningSplitter reads ${JSON.stringify(text)}, however it is cut`, () => {
    for (const pieces of splits(text)) {
      assert.deepEqual(readReasoning(isOpen, pieces), { reasoning, answer });
    }
  });
}
