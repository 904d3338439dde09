import assert from "node:assert/strict";
import { StoreError } from "../../../server/stores/response_store.ts";
import { createTestApp, readData } from "../../support/app.ts";
import { assertError, HELLO, PATH, withStore } from "../../support/responses.ts";
import type { StubOptions } from "../../support/stub_engine.ts";

Deno.test("retrieveResponse() returns what createResponse() answered, streamed or not", async () => {
  await withStore(async ({ create, get, post }) => {
    const whole = await create({ metadata: { a: "b" } });
    assert.equal(whole.store, true);
    assert.deepEqual(await get(`${PATH}/${whole.id}`), whole);
    const last = JSON.parse((await readData(await post(PATH, { ...HELLO, stream: true }))).at(-1)!);
    assert.deepEqual(await get(`${PATH}/${last.response.id}`), last.response);
  });
});

Deno.test("createResponse() keeps nothing that its client did not want kept", async () => {
  await withStore(async (app) => {
    const reply = await app.create({ store: false });
    assert.equal(reply.store, false);
    await assertError(await app.send(`${PATH}/${reply.id}`), 404, "response_not_found");
  });
});

Deno.test("deleteResponse() deletes once, and a miss looks like a malformed id", async () => {
  await withStore(async (app) => {
    const { id } = await app.create();
    assert.deepEqual(await (await app.delete(`${PATH}/${id}`)).json(), {
      id,
      object: "response",
      deleted: true,
    });
    for (const missing of [id, "resp_0", "%00", "x".repeat(300)]) {
      await assertError(await app.delete(`${PATH}/${missing}`), 404, "response_not_found");
      await assertError(await app.send(`${PATH}/${missing}`), 404, "response_not_found");
      await assertError(await app.cancel(missing), 404, "response_not_found");
      const items = await app.send(`${PATH}/${missing}/input_items`);
      await assertError(items, 404, "response_not_found");
    }
  });
});

Deno.test("requireStore() says that storage is off", async () => {
  const app = createTestApp();
  const code = "responses_storage_disabled";
  await assertError(await app.send(`${PATH}/resp_1`), 501, code);
  await assertError(await app.send(`${PATH}/resp_1`, { method: "DELETE" }), 501, code);
  await assertError(await app.send(`${PATH}/resp_1/cancel`, { method: "POST" }), 501, code);
  await assertError(await app.send(`${PATH}/resp_1/input_items`), 501, code);
  await assertError(await app.post("/v1/conversations", {}), 501, code);
});

Deno.test("createApp() has no list of responses", async () => {
  const { send } = createTestApp();
  assert.equal((await send(PATH)).status, 405);
});

Deno.test("resolvePrompt() replays a chain without the instructions of its past", async () => {
  await withStore(async (app) => {
    const first = await app.create({ instructions: "Be brief." });
    const second = await app.create({ input: "And?", previous_response_id: first.id });
    assert.equal(second.previous_response_id, first.id);
    await app.delete(`${PATH}/${first.id}`);
    await app.create({
      input: [
        { type: "item_reference", id: first.output[0].id },
        { role: "user", content: "More?" },
      ],
      instructions: "Be long.",
      previous_response_id: second.id,
    });
    const answer = { role: "assistant", content: "Mercury, Venus and Earth." };
    assert.deepEqual(app.engine.requests.at(-1)!.messages, [
      { role: "system", content: "Be long." },
      { role: "user", content: "List three planets" },
      answer,
      { role: "user", content: "And?" },
      answer,
      { role: "user", content: "More?" },
    ]);
  });
});

Deno.test("resolvePrompt() closes a tool loop by previous_response_id", async () => {
  const script: StubOptions["script"] = ({ messages }) =>
    messages!.at(-1)!.role === "tool" ? [{ type: "text", text: "Sunny." }] : [
      { type: "tool_call", index: 0, name: "f" },
      { type: "tool_call_arguments", index: 0, text: "{}" },
    ];
  await withStore(async ({ create, engine }) => {
    const tools = [{ type: "function", name: "f" }];
    const { id, output: [call] } = await create({ tools });
    const input = [{ type: "function_call_output", call_id: call.call_id, output: "sun" }];
    const { output: [message] } = await create({ tools, input, previous_response_id: id });
    assert.equal(message.content[0].text, "Sunny.");
    assert.deepEqual(engine.requests[1]!.messages, [
      { role: "user", content: "List three planets" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: call.call_id, name: "f", arguments: "{}" }],
      },
      { role: "tool", content: "sun", toolCallId: call.call_id },
    ]);
  }, { script });
});

Deno.test("resolvePrompt() refuses a previous response that is not there", async () => {
  await withStore(async ({ post }) => {
    const response = await post(PATH, { ...HELLO, previous_response_id: "resp_0" });
    await assertError(response, 400, "previous_response_not_found");
    const both = { previous_response_id: "resp_0", conversation: "conv_0" };
    await assertError(
      await post(PATH, { ...HELLO, ...both }),
      400,
      "mutually_exclusive_parameters",
    );
  });
});

Deno.test("listInputItems() pages through everything that the model read", async () => {
  await withStore(async ({ create, get, send }) => {
    const first = await create();
    const { id } = await create({ input: "And?", previous_response_id: first.id });
    const page = await get(`${PATH}/${id}/input_items?order=asc&limit=2`);
    assert.deepEqual(page.data.map(({ role }: { role: string }) => role), ["user", "assistant"]);
    assert.match(page.first_id, /^msg_[0-9a-f]{32}$/);
    assert.deepEqual(page, {
      object: "list",
      data: [
        {
          id: page.first_id,
          type: "message",
          status: "completed",
          role: "user",
          content: [{ type: "input_text", text: "List three planets" }],
        },
        first.output[0],
      ],
      first_id: page.first_id,
      last_id: first.output[0].id,
      has_more: true,
    });
    const rest = await get(`${PATH}/${id}/input_items?order=asc&after=${page.last_id}`);
    assert.equal(rest.data[0].content[0].text, "And?");
    assert.equal(rest.has_more, false);
    const newest = await get(`${PATH}/${id}/input_items?limit=1`);
    assert.equal(newest.data[0].id, rest.data[0].id);
    for (const query of ["limit=0", "limit=101", "limit=x", "order=up", "after=msg_0"]) {
      const response = await send(`${PATH}/${id}/input_items?${query}`);
      assert.equal(response.status, 400, query);
      assert.equal((await response.json()).error.param, query.split("=")[0]);
    }
  });
});

Deno.test("createResponse() says that a response is complete only after it was kept", async () => {
  await withStore(async ({ store, post }) => {
    let isKept = false;
    const putResponse = store.putResponse.bind(store);
    store.putResponse = async (record) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await putResponse(record);
      isKept = true;
    };
    const stream = await post(PATH, { ...HELLO, stream: true });
    const seen: [string, boolean][] = [];
    for await (const write of stream.body!.pipeThrough(new TextDecoderStream())) {
      for (const frame of write.trimEnd().split("\n\n")) {
        seen.push([frame.split("\n")[0]!, isKept]);
      }
    }
    assert.deepEqual(seen.slice(-2), [
      ["event: response.output_item.done", false],
      ["event: response.completed", true],
    ]);
  });
});

Deno.test("createResponse() fails rather than say that it kept what it did not", async () => {
  await withStore(async ({ store, post, create }) => {
    const putResponse = store.putResponse.bind(store);
    store.putResponse = () => Promise.reject(new StoreError("The response store failed: full"));
    await assertError(await post(PATH, HELLO), 500, "response_store_failed");
    const data = await readData(await post(PATH, { ...HELLO, stream: true }));
    const last = JSON.parse(data.at(-1)!);
    assert.equal(last.type, "response.failed");
    assert.match(last.response.error.message, /store failed: full/);
    assert.equal(last.sequence_number, data.length - 1);
    store.putResponse = putResponse;
    assert.equal((await create()).status, "completed");
  });
});
