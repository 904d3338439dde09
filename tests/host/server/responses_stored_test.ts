import assert from "node:assert/strict";
import { openResponseStore } from "../../../server/stores/open.ts";
import { type ResponseStore, StoreError } from "../../../server/stores/response_store.ts";
import { createTestApp, readData, type TestApp } from "../../support/app.ts";
import type { StubOptions } from "../../support/stub_engine.ts";

const PATH = "/v1/responses";
const HELLO = { model: "ollm-tiny", input: "List three planets" };

interface StoredApp extends TestApp {
  store: ResponseStore;
  /** Posts a request and reads the reply. */
  create(change?: Record<string, unknown>): ReturnType<Response["json"]>;
  get(path: string): ReturnType<Response["json"]>;
  /** Reads a response until it is final. */
  poll(id: string): ReturnType<Response["json"]>;
}

/** Runs `use` with an app that keeps responses in memory. */
async function withStore(use: (app: StoredApp) => Promise<void>, stub: StubOptions = {}) {
  const store = openResponseStore({ backend: "memory", path: "" })!;
  const app = createTestApp(stub, { responseStore: store });
  const get = async (path: string) => await (await app.send(path)).json();
  await use({
    ...app,
    store,
    get,
    create: async (change) => await (await app.post(PATH, { ...HELLO, ...change })).json(),
    async poll(id) {
      for (let i = 0; i < 200; i++) {
        const response = await get(`${PATH}/${id}`);
        if (response.status !== "queued" && response.status !== "in_progress") return response;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error(`The response ${id} does not end`);
    },
  });
  store.close();
}

const remove = (app: TestApp, path: string) => app.send(path, { method: "DELETE" });
const cancel = (app: TestApp, id: string) => app.send(`${PATH}/${id}/cancel`, { method: "POST" });

async function assertError(response: Response, status: number, code: string) {
  assert.equal(response.status, status);
  assert.equal((await response.json()).error.code, code);
}

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
    assert.deepEqual(await (await remove(app, `${PATH}/${id}`)).json(), {
      id,
      object: "response",
      deleted: true,
    });
    for (const missing of [id, "resp_0", "%00", "x".repeat(300)]) {
      await assertError(await remove(app, `${PATH}/${missing}`), 404, "response_not_found");
      await assertError(await app.send(`${PATH}/${missing}`), 404, "response_not_found");
      await assertError(await cancel(app, missing), 404, "response_not_found");
      const items = await app.send(`${PATH}/${missing}/input_items`);
      await assertError(items, 404, "response_not_found");
    }
  });
});

Deno.test("requireStore() says that storage is off", async () => {
  const app = createTestApp();
  const code = "responses_storage_disabled";
  await assertError(await app.send(`${PATH}/resp_1`), 501, code);
  await assertError(await remove(app, `${PATH}/resp_1`), 501, code);
  await assertError(await cancel(app, "resp_1"), 501, code);
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
    await remove(app, `${PATH}/${first.id}`);
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
    for await (const frame of stream.body!.pipeThrough(new TextDecoderStream())) {
      seen.push([frame.split("\n")[0]!, isKept]);
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

Deno.test("BackgroundRun runs without a client, and is there when asked for", async () => {
  await withStore(async ({ create, poll, get }) => {
    const queued = await create({ background: true });
    assert.equal(queued.status, "queued");
    assert.deepEqual(queued.output, []);
    const done = await poll(queued.id);
    assert.equal(done.status, "completed");
    assert.equal(done.background, true);
    assert.equal(done.output[0].content[0].text, "Mercury, Venus and Earth.");
    assert.deepEqual(await get(`${PATH}/${queued.id}`), done);
    const next = await create({ input: "And?", previous_response_id: queued.id });
    assert.equal(next.status, "completed");
  });
});

Deno.test("BackgroundRun shows what is there so far, and is not cancelled by its readers", async () => {
  await withStore(async (app) => {
    const stream = await app.post(PATH, { ...HELLO, background: true, stream: true });
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    const frames: string[] = [];
    while (frames.length < 6) frames.push((await reader.read()).value!);
    await reader.cancel();
    assert.match(frames[1]!, /^event: response.queued\n/);
    const { response: { id } } = JSON.parse(frames[0]!.split("data: ")[1]!);
    const running = await app.get(`${PATH}/${id}`);
    assert.equal(running.status, "in_progress");
    assert.equal(running.output[0].content[0].text, "Mercury");
    const next = await app.post(PATH, { ...HELLO, previous_response_id: id });
    assert.equal(next.status, 400);
    assert.equal(app.engine.numRunning, 1);
    await cancel(app, id);
  }, { hangs: true });
});

Deno.test("cancelResponse() ends a background response and leaves a finished one alone", async () => {
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const watching = app.send(`${PATH}/${id}?stream=true`).then(readData);
    const cancelled = await (await cancel(app, id)).json();
    assert.equal(cancelled.status, "cancelled");
    assert.deepEqual(cancelled.output, []);
    assert.equal(app.engine.numRunning, 0);
    assert.deepEqual(await (await cancel(app, id)).json(), cancelled);
    assert.deepEqual(await app.get(`${PATH}/${id}`), cancelled);
    const last = JSON.parse((await watching).at(-1)!);
    assert.deepEqual([last.type, last.response.status], ["response.failed", "cancelled"]);
  }, { hangs: true });
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const done = await app.poll(id);
    assert.deepEqual(await (await cancel(app, id)).json(), done);
    const { id: other } = await app.create();
    assert.equal((await cancel(app, other)).status, 400);
  });
});

Deno.test("deleteResponse() ends a background response, and tells its readers", async () => {
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const watching = app.send(`${PATH}/${id}?stream=true`).then(readData);
    await remove(app, `${PATH}/${id}`);
    assert.equal(app.engine.numRunning, 0);
    assert.equal((await app.send(`${PATH}/${id}`)).status, 404);
    const data = await watching;
    assert.deepEqual(JSON.parse(data.at(-1)!), {
      type: "error",
      code: "response_deleted",
      message: "The response was deleted",
      param: null,
      sequence_number: data.length - 1,
    });
  }, { hangs: true });
});

Deno.test("retrieveResponse() resumes a stream after any of its events", async () => {
  await withStore(async (app) => {
    const all = await readData(await app.post(PATH, { ...HELLO, background: true, stream: true }));
    const { id } = JSON.parse(all[0]!).response;
    await app.poll(id);
    const again = async (query: string) => await readData(await app.send(`${PATH}/${id}?${query}`));
    assert.deepEqual(await again("stream=true"), all);
    for (let n = 0; n < all.length; n++) {
      assert.deepEqual(await again(`stream=true&starting_after=${n}`), all.slice(n + 1));
    }
    assert.deepEqual(await again("stream=true&starting_after=99"), []);
    for (const query of ["stream=1", "stream=true&starting_after=x"]) {
      assert.equal((await app.send(`${PATH}/${id}?${query}`)).status, 400);
    }
    const { id: foreground } = await app.create();
    const refused = await app.send(`${PATH}/${foreground}?stream=true`);
    assert.equal((await refused.json()).error.param, "stream");
  });
});

Deno.test("createResponse() refuses a background response that nobody could find again", async () => {
  await withStore(async ({ post }) => {
    const response = await post(PATH, { ...HELLO, background: true, store: false });
    assert.equal((await response.json()).error.param, "background");
  });
});

Deno.test("conversations are made, read, changed and deleted", async () => {
  await withStore(async (app) => {
    const { post, get } = app;
    const created = await (await post("/v1/conversations", {
      items: [{ role: "user", content: "Hi" }],
      metadata: { a: "b" },
    })).json();
    assert.match(created.id, /^conv_[0-9a-f]{32}$/);
    const path = `/v1/conversations/${created.id}`;
    assert.deepEqual(await get(path), created);
    const updated = await (await post(path, { metadata: { c: "d" } })).json();
    assert.deepEqual(updated, { ...created, metadata: { c: "d" } });
    const added = await (await post(`${path}/items`, {
      items: [{ role: "assistant", content: "Hello" }, { role: "user", content: "Bye" }],
    })).json();
    const [hello, bye] = added.data;
    const list = await get(`${path}/items?order=asc`);
    assert.deepEqual(list.data.slice(1), added.data);
    assert.equal(list.data.length, 3);
    assert.deepEqual(await get(`${path}/items/${bye.id}`), bye);
    assert.deepEqual(await (await remove(app, `${path}/items/${hello.id}`)).json(), updated);
    await assertError(await app.send(`${path}/items/${hello.id}`), 404, "item_not_found");
    assert.deepEqual(await (await remove(app, path)).json(), {
      id: created.id,
      object: "conversation.deleted",
      deleted: true,
    });
    await assertError(await app.send(path), 404, "conversation_not_found");
    await assertError(await app.send(`${path}/items`), 404, "conversation_not_found");
  });
});

Deno.test("createResponse() reads a conversation and adds to it, stored or not", async () => {
  await withStore(async ({ post, create, get, engine }) => {
    const { id } = await (await post("/v1/conversations", {})).json();
    const first = await create({ conversation: id });
    assert.deepEqual(first.conversation, { id });
    await create({ conversation: { id }, input: "And?", store: false });
    await create({ conversation: id, input: "More?", background: true }).then(async (queued) => {
      while ((await get(`${PATH}/${queued.id}`)).status !== "completed");
    });
    const answer = { role: "assistant", content: "Mercury, Venus and Earth." };
    assert.deepEqual(engine.requests.at(-1)!.messages, [
      { role: "user", content: "List three planets" },
      answer,
      { role: "user", content: "And?" },
      answer,
      { role: "user", content: "More?" },
    ]);
    const { data } = await get(`/v1/conversations/${id}/items?order=asc`);
    assert.equal(data.length, 6);
    const missing = await post(PATH, { ...HELLO, conversation: "conv_0" });
    await assertError(missing, 400, "conversation_not_found");
  });
});
