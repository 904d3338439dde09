import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";

const PATH = "/v1/responses";

/** What the engine is asked for an input. */
async function messagesOf(input: unknown, change: Record<string, unknown> = {}) {
  const { post, engine } = createTestApp();
  const response = await post(PATH, { model: "ollm-tiny", input, ...change });
  assert.equal(response.status, 200, await response.text());
  return engine.requests[0]!.messages;
}

Deno.test("normalizeItems() takes messages with and without a type, as text and as parts", async () => {
  assert.deepEqual(
    await messagesOf([
      { role: "user", content: "One" },
      {
        type: "message",
        id: "msg_1",
        status: "completed",
        role: "assistant",
        content: [
          { type: "output_text", text: "Two", annotations: [], logprobs: [] },
          { type: "refusal", refusal: "No" },
        ],
      },
      {
        role: "user",
        content: [{ type: "input_text", text: "Th" }, { type: "text", text: "ree" }],
      },
    ]),
    [
      { role: "user", content: "One" },
      { role: "assistant", content: "TwoNo" },
      { role: "user", content: "Three" },
    ],
  );
});

Deno.test("toChatMessages() joins the system's words at the front", async () => {
  const input = [
    { role: "developer", content: "In English." },
    { role: "system", content: "No lists." },
    { role: "user", content: "Hi" },
    { role: "developer", content: "Now in French." },
  ];
  assert.deepEqual(await messagesOf(input, { instructions: "Be brief." }), [
    { role: "system", content: "Be brief.\n\nIn English.\n\nNo lists." },
    { role: "user", content: "Hi" },
    { role: "system", content: "Now in French." },
  ]);
});

Deno.test("toChatMessages() gives calls to the turn that made them", async () => {
  const call = (id: string, name: string) => ({
    type: "function_call",
    id: `fc_${id}`,
    call_id: id,
    name,
    arguments: "{}",
    status: "completed",
  });
  assert.deepEqual(
    await messagesOf([
      { role: "user", content: "Weather and time?" },
      {
        type: "reasoning",
        id: "rs_1",
        summary: [],
        content: [{ type: "reasoning_text", text: "Hm" }],
      },
      { role: "assistant", content: "Let me see." },
      call("1", "get_weather"),
      call("2", "get_time"),
      { type: "function_call_output", call_id: "1", output: "sunny" },
      {
        call_id: "2",
        output: [{ type: "input_text", text: "1" }, { type: "input_text", text: "2" }],
      },
      call("3", "get_more"),
      { type: "function_call_output", call_id: "3", output: { b: [1, null] } },
    ]),
    [
      { role: "user", content: "Weather and time?" },
      {
        role: "assistant",
        content: "Let me see.",
        toolCalls: [
          { id: "1", name: "get_weather", arguments: "{}" },
          { id: "2", name: "get_time", arguments: "{}" },
        ],
      },
      { role: "tool", content: "sunny", toolCallId: "1" },
      { role: "tool", content: "12", toolCallId: "2" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "3", name: "get_more", arguments: "{}" }],
      },
      { role: "tool", content: '{"b":[1,null]}', toolCallId: "3" },
    ],
  );
});

Deno.test("normalizeItems() takes empty results, and an assistant that said nothing", async () => {
  assert.deepEqual(
    await messagesOf([
      { role: "user", content: "Hi" },
      { role: "assistant", content: [] },
      { role: "assistant", content: "" },
      { type: "function_call", call_id: "1", name: "f", arguments: "" },
      { type: "function_call_output", call_id: "1", output: "" },
    ]),
    [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "1", name: "f", arguments: "" }],
      },
      { role: "tool", content: "", toolCallId: "1" },
    ],
  );
});

Deno.test("normalizeItems() refuses what the model cannot take, and says where", async () => {
  const { post } = createTestApp();
  const user = { role: "user", content: "Hi" };
  const parts = (...content: unknown[]) => [{ role: "user", content }];
  const cases: [unknown, string][] = [
    [
      parts({ type: "input_image", image_url: "data:image/png;base64,AA" }),
      "input[0].content[0].type",
    ],
    [
      parts({ type: "input_text", text: "Hi" }, { type: "input_audio", input_audio: {} }),
      "input[0].content[1].type",
    ],
    [parts({ type: "input_file", file_id: "file_1" }), "input[0].content[0].type"],
    [parts({ type: "input_text" }), "input[0].content[0].text"],
    [parts({ text: "Hi" }), "input[0].content[0].type"],
    [parts(), "input[0].content"],
    [[{ role: "user", content: "" }], "input[0].content"],
    [[{ role: "user" }], "input[0].content"],
    [[{ role: "bard", content: "Hi" }], "input[0].role"],
    [[user, { type: "web_search_call", id: "ws_1" }], "input[1].type"],
    [[user, { type: 1 }], "input[1].type"],
    [[user, {}], "input[1].role"],
    [[{ type: "function_call", call_id: "1", name: "f" }], "input[0].arguments"],
    [[{ type: "function_call_output", output: "x" }], "input[0].call_id"],
    [[{ type: "function_call_output", call_id: "1" }], "input[0].output"],
    [
      [{
        type: "function_call_output",
        call_id: "1",
        output: [{ type: "input_image", image_url: "x" }],
      }],
      "input[0].output[0].type",
    ],
    [[user, { type: "item_reference" }], "input[1].id"],
    [[user, { type: "item_reference", id: "msg_unknown" }], "input[1].id"],
    [[user, { id: "msg_unknown" }], "input[1].id"],
    [[user, { role: "assistant", content: "Yes" }], "input"],
    [[{ type: "reasoning", summary: [] }], "input"],
    [[1], "input[0]"],
  ];
  for (const [input, param] of cases) {
    const response = await post(PATH, { model: "ollm-tiny", input });
    const { error } = await response.json();
    assert.deepEqual([response.status, error?.param], [400, param], JSON.stringify(input));
  }
});

Deno.test("resolvePrompt() finds recent output items again although nothing is stored", async () => {
  const { post, engine } = createTestApp({
    script: () => [
      { type: "reasoning", text: "Hm" },
      { type: "text", text: "Let me see." },
      { type: "tool_call", index: 0, name: "f" },
      { type: "tool_call_arguments", index: 0, text: "{}" },
    ],
    reason: "tool_calls",
  });
  const first = { model: "ollm-tiny", input: "Hi", tools: [{ type: "function", name: "f" }] };
  const { output } = await (await post(PATH, { ...first, store: true })).json();
  await post(PATH, {
    ...first,
    input: [
      { role: "user", content: "Hi" },
      ...output.map(({ id }: { id: string }) => ({ type: "item_reference", id })),
      { type: "function_call_output", call_id: output[2].call_id, output: "4" },
    ],
  });
  assert.deepEqual(engine.requests[1]!.messages, [
    { role: "user", content: "Hi" },
    {
      role: "assistant",
      content: "Let me see.",
      toolCalls: [{ id: output[2].call_id, name: "f", arguments: "{}" }],
    },
    { role: "tool", content: "4", toolCallId: output[2].call_id },
  ]);
});

Deno.test("resolvePrompt() finds nothing that its client did not want kept", async () => {
  const { post } = createTestApp();
  const request = { model: "ollm-tiny", input: "Hi" };
  const { output } = await (await post(PATH, { ...request, store: false })).json();
  const input = [{ type: "item_reference", id: output[0].id }, { role: "user", content: "And?" }];
  assert.equal((await post(PATH, { ...request, input })).status, 400);
});
