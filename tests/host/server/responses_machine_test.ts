import assert from "node:assert/strict";
import type { ResponseEvent } from "../../../server/openai/responses/events.ts";
import type { MessageItem } from "../../../server/openai/responses/items.ts";
import { type OutputEvent, ResponseMachine } from "../../../server/openai/responses/machine.ts";
import {
  createResponseObject,
  type ResponseEcho,
} from "../../../server/openai/responses/response.ts";
import { STUB_USAGE } from "../../support/stub_engine.ts";

const ECHO: ResponseEcho = {
  background: false,
  conversation: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  model: "ollm-tiny",
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: "default",
  store: false,
  temperature: 0,
  text: { format: { type: "text" }, verbosity: "medium" },
  tool_choice: "none",
  tools: [],
  top_logprobs: 0,
  top_p: null,
  truncation: "disabled",
  user: null,
  metadata: {},
};

const BLANK = createResponseObject("resp_1", 100, ECHO);

interface TestOptions {
  hasLogprobs?: boolean;
  isReasoningSummarized?: boolean;
  isQueued?: boolean;
}

/** A machine with ids `msg_1`, `rs_2`, … in the order in which they are taken, and the time 107. */
function createMachine(options: TestOptions = {}): ResponseMachine {
  let numIds = 0;
  return new ResponseMachine({ ...BLANK, status: options.isQueued ? "queued" : "in_progress" }, {
    newId: (prefix) => `${prefix}${++numIds}`,
    now: () => 107,
    hasLogprobs: options.hasLogprobs ?? false,
    isReasoningSummarized: options.isReasoningSummarized ?? false,
  });
}

/** Feeds the events of a whole generation. */
function run(
  events: OutputEvent[],
  { reason = "stop", ...options }: TestOptions & { reason?: "stop" | "length" | "tool_calls" } = {},
): { events: ResponseEvent[]; machine: ResponseMachine } {
  const machine = createMachine(options);
  return {
    machine,
    events: [
      ...machine.start(),
      ...machine.begin(),
      ...events.flatMap((event) => machine.push(event)),
      ...machine.end({ type: "finish", reason, usage: STUB_USAGE }),
      machine.conclude(),
    ],
  };
}

const text = (text: string): OutputEvent => ({ type: "text", text });
const thought = (text: string): OutputEvent => ({ type: "reasoning", text });
const call = (index: number, name: string): OutputEvent => ({ type: "tool_call", index, name });
const args = (index: number, text: string): OutputEvent => ({
  type: "tool_call_arguments",
  index,
  text,
});

const USAGE = {
  input_tokens: 5,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 8,
};

Deno.test("ResponseMachine writes a message in OpenAI's events and order", () => {
  const { events } = run([text("Mer"), text(""), text("cury")]);
  const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const part = (text: string) => ({ type: "output_text", text, annotations: [] });
  const item = { id: "msg_1", type: "message", role: "assistant" };
  const done = { ...item, status: "completed", content: [part("Mercury")] };
  assert.deepEqual(events, [
    { type: "response.created", response: BLANK, sequence_number: 0 },
    { type: "response.in_progress", response: BLANK, sequence_number: 1 },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", content: [] },
      sequence_number: 2,
    },
    { type: "response.content_part.added", ...at, part: part(""), sequence_number: 3 },
    { type: "response.output_text.delta", ...at, delta: "Mer", logprobs: [], sequence_number: 4 },
    { type: "response.output_text.delta", ...at, delta: "cury", logprobs: [], sequence_number: 5 },
    { type: "response.output_text.done", ...at, text: "Mercury", logprobs: [], sequence_number: 6 },
    { type: "response.content_part.done", ...at, part: part("Mercury"), sequence_number: 7 },
    { type: "response.output_item.done", output_index: 0, item: done, sequence_number: 8 },
    {
      type: "response.completed",
      response: { ...BLANK, status: "completed", completed_at: 107, output: [done], usage: USAGE },
      sequence_number: 9,
    },
  ]);
});

Deno.test("ResponseMachine writes function calls one after another", () => {
  const { events } = run([
    call(0, "get_weather"),
    args(0, '{"city":'),
    args(0, '"Paris"}'),
    call(1, "get_time"),
    args(1, "{}"),
  ], { reason: "tool_calls" });
  const first = { id: "fc_1", type: "function_call", call_id: "call_2", name: "get_weather" };
  const second = { id: "fc_3", type: "function_call", call_id: "call_4", name: "get_time" };
  const city = '{"city":"Paris"}';
  const delta = "response.function_call_arguments.delta";
  const done = "response.function_call_arguments.done";
  assert.deepEqual(events.slice(2, -1), [
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...first, status: "in_progress", arguments: "" },
      sequence_number: 2,
    },
    { type: delta, item_id: "fc_1", output_index: 0, delta: '{"city":', sequence_number: 3 },
    { type: delta, item_id: "fc_1", output_index: 0, delta: '"Paris"}', sequence_number: 4 },
    {
      type: done,
      item_id: "fc_1",
      output_index: 0,
      name: "get_weather",
      arguments: city,
      sequence_number: 5,
    },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { ...first, status: "completed", arguments: city },
      sequence_number: 6,
    },
    {
      type: "response.output_item.added",
      output_index: 1,
      item: { ...second, status: "in_progress", arguments: "" },
      sequence_number: 7,
    },
    { type: delta, item_id: "fc_3", output_index: 1, delta: "{}", sequence_number: 8 },
    {
      type: done,
      item_id: "fc_3",
      output_index: 1,
      name: "get_time",
      arguments: "{}",
      sequence_number: 9,
    },
    {
      type: "response.output_item.done",
      output_index: 1,
      item: { ...second, status: "completed", arguments: "{}" },
      sequence_number: 10,
    },
  ]);
});

Deno.test("ResponseMachine shows reasoning as itself, before the message", () => {
  const { events, machine } = run([thought("Hm"), thought("."), text("4")]);
  const at = { item_id: "rs_1", output_index: 0, content_index: 0 };
  const part = (text: string) => ({ type: "reasoning_text", text });
  const item = { id: "rs_1", type: "reasoning", summary: [] };
  const done = { ...item, status: "completed", content: [part("Hm.")] };
  assert.deepEqual(events.slice(2, 9), [
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", content: [] },
      sequence_number: 2,
    },
    { type: "response.content_part.added", ...at, part: part(""), sequence_number: 3 },
    { type: "response.reasoning_text.delta", ...at, delta: "Hm", sequence_number: 4 },
    { type: "response.reasoning_text.delta", ...at, delta: ".", sequence_number: 5 },
    { type: "response.reasoning_text.done", ...at, text: "Hm.", sequence_number: 6 },
    { type: "response.content_part.done", ...at, part: part("Hm."), sequence_number: 7 },
    { type: "response.output_item.done", output_index: 0, item: done, sequence_number: 8 },
  ]);
  assert.deepEqual(machine.response.output.map(({ type }) => type), ["reasoning", "message"]);
});

Deno.test("ResponseMachine shows reasoning as a summary to clients that ask for one", () => {
  const { events } = run([thought("Hm"), text("4")], { isReasoningSummarized: true });
  const at = { item_id: "rs_1", output_index: 0, summary_index: 0 };
  const part = (text: string) => ({ type: "summary_text", text });
  const item = { id: "rs_1", type: "reasoning" };
  assert.deepEqual(events.slice(2, 8), [
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", summary: [] },
      sequence_number: 2,
    },
    { type: "response.reasoning_summary_part.added", ...at, part: part(""), sequence_number: 3 },
    { type: "response.reasoning_summary_text.delta", ...at, delta: "Hm", sequence_number: 4 },
    { type: "response.reasoning_summary_text.done", ...at, text: "Hm", sequence_number: 5 },
    { type: "response.reasoning_summary_part.done", ...at, part: part("Hm"), sequence_number: 6 },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { ...item, status: "completed", summary: [part("Hm")] },
      sequence_number: 7,
    },
  ]);
});

Deno.test("ResponseMachine marks what the budget cut as incomplete", () => {
  const { events, machine } = run([thought("Hm"), text("Mer")], { reason: "length" });
  const { response } = machine;
  assert.equal(events.at(-1)!.type, "response.incomplete");
  assert.equal(response.status, "incomplete");
  assert.deepEqual(response.incomplete_details, { reason: "max_output_tokens" });
  assert.equal(response.completed_at, null);
  assert.deepEqual(response.usage, USAGE);
  const statuses = response.output.map((item) => item.status);
  assert.deepEqual(statuses, ["completed", "incomplete"]);
});

Deno.test("ResponseMachine answers with an empty message when the model says nothing", () => {
  const { events, machine } = run([]);
  assert.deepEqual(events.map(({ type }) => type).slice(2), [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  assert.deepEqual(machine.response.output, [{
    id: "msg_1",
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text: "", annotations: [] }],
  }]);
});

Deno.test("ResponseMachine sends log-probabilities with the text of their tokens", () => {
  const token = { id: 7, token: "Mer", bytes: [77], logprob: -Infinity };
  const withLogprob = (text: string): OutputEvent => ({
    type: "text",
    text,
    logprobs: [{ ...token, alternatives: [{ ...token, logprob: -0.5 }] }],
  });
  const { events, machine } = run([withLogprob("M"), withLogprob(""), withLogprob("er")], {
    hasLogprobs: true,
  });
  const logprob = {
    token: "Mer",
    bytes: [77],
    logprob: -9999,
    top_logprobs: [{ token: "Mer", bytes: [77], logprob: -0.5 }],
  };
  const shown = events.flatMap((event) => "logprobs" in event ? [event.logprobs] : []);
  assert.deepEqual(shown, [[logprob], [logprob, logprob], [logprob, logprob, logprob]]);
  const item = machine.response.output[0] as MessageItem;
  assert.deepEqual(item.content[0], {
    type: "output_text",
    text: "Mer",
    annotations: [],
    logprobs: [logprob, logprob, logprob],
  });
});

Deno.test("ResponseMachine says that a background response is queued", () => {
  const machine = createMachine({ isQueued: true });
  assert.deepEqual(machine.start().map(({ type }) => type), [
    "response.created",
    "response.queued",
  ]);
  assert.equal(machine.status, "queued");
  assert.deepEqual(machine.begin().map(({ type }) => type), ["response.in_progress"]);
  assert.equal(machine.status, "in_progress");
});

Deno.test("ResponseMachine.fail() and cancel() leave no output and go on counting", () => {
  const error = { code: "server_error", message: "The engine failed" };
  for (const status of ["failed", "cancelled"] as const) {
    const machine = createMachine();
    machine.start();
    machine.push(text("Mer"));
    assert.equal(machine.keepAlive().sequence_number, 4);
    const last = status === "failed" ? machine.fail(error) : machine.cancel();
    assert.deepEqual(last, {
      type: "response.failed",
      response: { ...BLANK, status, error: status === "failed" ? error : null },
      sequence_number: 5,
    });
  }
});

Deno.test("ResponseMachine events keep what they said while the response goes on", () => {
  const machine = createMachine();
  const [created] = machine.start();
  const [added] = machine.push(text("Mer"));
  const before = JSON.stringify([created, added]);
  machine.push(text("cury"));
  machine.end({ type: "finish", reason: "stop", usage: STUB_USAGE });
  assert.equal(JSON.stringify([created, added]), before);
});
