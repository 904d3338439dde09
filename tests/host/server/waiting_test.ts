/**
 * What streams of all routes say while their model is downloaded or loaded.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DownloadError } from "../../../engine/mod.ts";
import { withKeepAlive } from "../../../server/waiting.ts";
import { createTestApp, readData, type TestApp } from "../../support/app.ts";
import type { StubOptions } from "../../support/stub_engine.ts";

const messages = [{ role: "user", content: "Hi" }];
const REQUESTS: Record<string, Record<string, unknown>> = {
  "/v1/chat/completions": { model: "ollm-tiny", messages, stream: true },
  "/v1/completions": { model: "ollm-tiny", prompt: "Hi", stream: true },
  "/v1/responses": { model: "ollm-tiny", input: "Hi", stream: true },
  "/v1/prompt/stream": { prompt: "Hi" },
};

const failed = new DownloadError(
  "download_failed",
  "Cannot fetch params_shard_0.bin: the hub is down",
);

function createWaitingApp(stub: StubOptions): TestApp {
  return createTestApp({ loadMs: 300, ...stub }, { limits: { keepAliveMs: 20 } });
}

async function post({ post }: TestApp, path: string): Promise<Response> {
  if (!path.includes("/sessions/")) return await post(path, REQUESTS[path]);
  const { session_id: id } = await (await post("/v1/sessions", {})).json();
  return await post(path.replace(":session_id", id), { prompt: "Hi" });
}

const PATHS = [...Object.keys(REQUESTS), "/v1/sessions/:session_id/prompt/stream"];

/** What keeps a client awake on each route. */
const KEEP_ALIVE: Record<string, RegExp> = {
  "/v1/chat/completions": /^: keep-alive$/m,
  "/v1/completions": /^: keep-alive$/m,
  "/v1/responses": /^event: keepalive$/m,
  "/v1/prompt/stream": /^data: \{"message":"loading weights 50 %"\}$/m,
  "/v1/sessions/:session_id/prompt/stream": /^data: \{"message":"loading weights 50 %"\}$/m,
};

for (const path of PATHS) {
  Deno.test(`POST ${path} opens its stream before the model is there, and keeps it alive`, async () => {
    const app = createWaitingApp({});
    const response = await post(app, path);
    assert.deepEqual(app.engine.requests, [], "it waited for the model");
    assert.equal(response.status, 200);
    const text = await response.text();
    const end = text.search(/Mercury/);
    assert.match(text.slice(0, end), KEEP_ALIVE[path]!);
    assert.ok(text.includes("and Earth."));
  });

  Deno.test(`POST ${path} sends a failure after that as an event`, async () => {
    const response = await post(createWaitingApp({ refusal: failed }), path);
    assert.equal(response.status, 200);
    const data = (await readData(response)).map((text) =>
      text === "[DONE]" ? text : JSON.parse(text)
    );
    const last = data.at(-1);
    const message = last.error?.message ?? last.response?.error?.message ?? last.detail;
    assert.match(message, /the hub is down/, path);
  });

  Deno.test(`POST ${path} answers a quick refusal with a status`, async () => {
    const response = await post(createTestApp({ refusal: failed }), path);
    assert.equal(response.status, 502);
    assert.equal(response.headers.get("content-type"), "application/json");
    await response.body?.cancel();
  });

  Deno.test(`POST ${path} lets go of a model when its reader leaves`, async () => {
    const app = createWaitingApp({ loadMs: 5_000 });
    const response = await post(app, path);
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(app.engine.requests, []);
  });
}

Deno.test("streamSessionPrompt() frees its session when the model does not come", async () => {
  const app = createWaitingApp({ refusal: failed });
  const { session_id: id } = await (await app.post("/v1/sessions", {})).json();
  for (let i = 0; i < 2; i++) {
    const response = await app.post(`/v1/sessions/${id}/prompt/stream`, { prompt: "Hi" });
    assert.match(await response.text(), /event: error/);
  }
});

Deno.test("withKeepAlive() breaks each silence, and sets no timer for each event", async (t) => {
  async function* events(): AsyncGenerator<string> {
    for (let i = 0; i < 100; i++) {
      await null;
      yield "event";
    }
    await new Promise((resolve) => delay(resolve, 50));
    yield "last";
  }
  const delay = globalThis.setTimeout;
  let numTimers = 0;
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof delay>) => {
    numTimers++;
    return delay(...args);
  }, delay);
  const read: string[] = [];
  try {
    const options = { silenceMs: 20, create: () => "silence" };
    for await (const event of withKeepAlive(events(), options)) read.push(event);
  } finally {
    globalThis.setTimeout = delay;
  }
  assert.deepEqual(read.slice(0, 101), [...new Array(100).fill("event"), "silence"]);
  assert.equal(read.at(-1), "last");
  assert.ok(numTimers < 10, `${numTimers} timers`);
  await t.step("ends its source when its reader leaves", async () => {
    let hasEnded = false;
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) yield "event";
      } finally {
        hasEnded = true;
      }
    }
    for await (const _ of withKeepAlive(endless(), { silenceMs: 20, create: () => "" })) break;
    assert.ok(hasEnded);
  });
});
