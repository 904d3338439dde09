import assert from "node:assert/strict";
import { assertError, HELLO, PATH, withStore } from "../../support/responses.ts";

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
    assert.deepEqual(await (await app.delete(`${path}/items/${hello.id}`)).json(), updated);
    await assertError(await app.send(`${path}/items/${hello.id}`), 404, "item_not_found");
    assert.deepEqual(await (await app.delete(path)).json(), {
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
