import assert from "node:assert/strict";
import { readData } from "../../support/app.ts";
import { HELLO, PATH, withStore } from "../../support/responses.ts";

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
    while (frames.length < 6) {
      frames.push(...(await reader.read()).value!.trimEnd().split("\n\n"));
    }
    await reader.cancel();
    assert.match(frames[1]!, /^event: response.queued\n/);
    const { response: { id } } = JSON.parse(frames[0]!.split("data: ")[1]!);
    const running = await app.get(`${PATH}/${id}`);
    assert.equal(running.status, "in_progress");
    assert.equal(running.output[0].content[0].text, "Mercury");
    const next = await app.post(PATH, { ...HELLO, previous_response_id: id });
    assert.equal(next.status, 400);
    assert.equal(app.engine.numRunning, 1);
    await app.cancel(id);
  }, { hangs: true });
});

Deno.test("cancelResponse() ends a background response and leaves a finished one alone", async () => {
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const watching = app.send(`${PATH}/${id}?stream=true`).then(readData);
    const cancelled = await (await app.cancel(id)).json();
    assert.equal(cancelled.status, "cancelled");
    assert.deepEqual(cancelled.output, []);
    assert.equal(app.engine.numRunning, 0);
    assert.deepEqual(await (await app.cancel(id)).json(), cancelled);
    assert.deepEqual(await app.get(`${PATH}/${id}`), cancelled);
    const last = JSON.parse((await watching).at(-1)!);
    assert.deepEqual([last.type, last.response.status], ["response.failed", "cancelled"]);
  }, { hangs: true });
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const done = await app.poll(id);
    assert.deepEqual(await (await app.cancel(id)).json(), done);
    const { id: other } = await app.create();
    assert.equal((await app.cancel(other)).status, 400);
  });
});

Deno.test("deleteResponse() ends a background response, and tells its readers", async () => {
  await withStore(async (app) => {
    const { id } = await app.create({ background: true });
    const watching = app.send(`${PATH}/${id}?stream=true`).then(readData);
    await app.delete(`${PATH}/${id}`);
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
