/**
 * A request as the Codex agent sends it: everything that it always sends, and a second turn that sends it all back.
 *
 * @see https://github.com/openai/codex
 * @module
 */
import assert from "node:assert/strict";
import { API_KEY, BASE_URL, MODEL, STORELESS_URL } from "./target.ts";

const SHELL = {
  type: "function",
  name: "shell",
  description: "Runs a command and returns its output",
  strict: false,
  parameters: {
    type: "object",
    properties: { command: { type: "array", items: { type: "string" } } },
    required: ["command"],
    additionalProperties: false,
  },
};

/** What stays the same from turn to turn; tools of kinds that only OpenAI's service has are among it. */
const REQUEST = {
  model: MODEL,
  instructions: "You are a coding agent.",
  tools: [
    SHELL,
    { type: "local_shell" },
    { type: "web_search", external_web_access: false },
    {
      type: "custom",
      name: "apply_patch",
      format: { type: "grammar", syntax: "lark", definition: "" },
    },
    { type: "tool_search", execution: "client" },
  ],
  tool_choice: "auto",
  parallel_tool_calls: false,
  reasoning: { effort: "medium", summary: "auto", context: "current_turn" },
  store: false,
  stream: true,
  include: ["reasoning.encrypted_content"],
  service_tier: "auto",
  prompt_cache_key: "0199a213-81c0-7800-8aa1-bbab2a035a53",
  text: {},
  client_metadata: { installation_id: "x" },
  max_output_tokens: 60,
};

const QUESTION = [
  {
    type: "message",
    role: "developer",
    content: [{ type: "input_text", text: "The sandbox is read-only." }],
  },
  { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] },
];

interface Event {
  type: string;
  sequence_number: number;
  response?: { id: string; output: Record<string, unknown>[]; usage: unknown };
  item?: Record<string, unknown>;
}

for (const [name, url] of [["", BASE_URL], [" without a store", STORELESS_URL]] as const) {
  if (url === "") continue;

  Deno.test(`codex${name}: a turn streams its items and ends`, async () => {
    const events = await send(url, QUESTION);
    assert.equal(events[0]!.type, "response.created");
    assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
    const { type, response } = events.at(-1)!;
    assert.ok(["response.completed", "response.incomplete"].includes(type));
    assert.ok(response!.usage);
    assert.deepEqual(itemsOf(events), response!.output);
    assert.ok(response!.output.length > 0);
  });

  Deno.test(`codex${name}: the next turn takes every item back`, async () => {
    const first = itemsOf(await send(url, QUESTION));
    const second = await send(url, [
      ...QUESTION,
      ...first,
      { type: "reasoning", id: "rs_1", summary: [], content: null, encrypted_content: "opaque" },
      {
        type: "function_call",
        id: "fc_1",
        call_id: "call_1",
        name: "shell",
        arguments: '{"command":["ls"]}',
      },
      { type: "function_call_output", call_id: "call_1", output: '{"output":"README.md"}' },
      { type: "message", role: "user", content: [{ type: "input_text", text: "Hello again" }] },
    ]);
    assert.ok(["response.completed", "response.incomplete"].includes(second.at(-1)!.type));
  });

  Deno.test(`codex${name}: a final answer by schema is an object`, async () => {
    const schema = {
      type: "object",
      properties: { kind: { enum: ["city", "river"] } },
      required: ["kind"],
      additionalProperties: false,
    };
    const events = await send(url, QUESTION, {
      tools: [],
      text: {
        verbosity: "low",
        format: { type: "json_schema", name: "out", strict: true, schema },
      },
    });
    const [message] = itemsOf(events) as { content: { text: string }[] }[];
    assert.ok(["city", "river"].includes(JSON.parse(message!.content[0]!.text).kind));
  });
}

async function send(url: string, input: unknown[], changes: object = {}): Promise<Event[]> {
  const response = await fetch(`${url}/responses`, {
    method: "POST",
    headers: {
      "accept": "text/event-stream",
      "authorization": `Bearer ${API_KEY}`,
      "content-type": "application/json",
      "conversation_id": "0199a213-81c0-7800-8aa1-bbab2a035a53",
      "openai-beta": "responses=experimental",
      "originator": "codex_cli_rs",
      "session_id": "0199a213-81c0-7800-8aa1-bbab2a035a53",
    },
    body: JSON.stringify({ ...REQUEST, ...changes, input }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  return text.split("\n\n").filter((frame) => frame.startsWith("event: ")).map((frame) =>
    JSON.parse(frame.slice(frame.indexOf("\ndata: ") + "\ndata: ".length))
  );
}

/** Codex collects the items one by one and does not look at the last event's output. */
function itemsOf(events: Event[]): Record<string, unknown>[] {
  return events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item!);
}
