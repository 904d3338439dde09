import assert from "node:assert/strict";
import { EngineError } from "../../../engine/mod.ts";
import { SessionStore } from "../../../server/sessions/session_store.ts";
import { createTestApp, type TestApp } from "../../support/app.ts";

const SETTINGS = {
  session_name: "default",
  system_prompt: "You are a helpful assistant.",
  runtime: {},
  generation: {},
};
const REPLY = "Mercury, Venus and Earth.";

/** Creates a session and returns its path. */
async function start({ post }: TestApp, body: unknown = {}): Promise<string> {
  const response = await post("/v1/sessions", body);
  assert.equal(response.status, 200);
  return `/v1/sessions/${(await response.json()).session_id}`;
}

async function readTexts({ send }: TestApp, path: string): Promise<string[]> {
  const { messages } = await (await send(path)).json();
  return messages.map(({ content }: { content: { value: string }[] }) => content[0]!.value);
}

Deno.test("createSession() answers with the session and its settings", async () => {
  const { post, send } = createTestApp();
  const session = await (await post("/v1/sessions", { session_name: "notes" })).json();
  assert.match(session.session_id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  assert.deepEqual(session, {
    session_id: session.session_id,
    session_name: "notes",
    model_reference: "ollm-tiny",
    system_prompt: "You are a helpful assistant.",
    messages: [],
  });
  const again = await send(`/v1/sessions/${session.session_id}`);
  assert.deepEqual(await again.json(), session);
});

Deno.test("createSession() does not notice an unknown model, a prompt does", async () => {
  const app = createTestApp();
  for (const reference of ["nope", "/etc"]) {
    const path = await start(app, { runtime: { model_reference: reference } });
    assert.equal((await app.post(`${path}/prompt`, { prompt: "Hi" })).status, 404);
  }
});

Deno.test("createSession() refuses unknown fields, backends and blank models", async () => {
  const { post } = createTestApp();
  const cases: [unknown, number][] = [
    [{ name: "x" }, 422],
    [{ session_name: null }, 422],
    [{ generation: { temperature: -1 } }, 422],
    [{ runtime: { backend: "cuda" } }, 400],
    [{ runtime: { model_reference: " " } }, 400],
  ];
  for (const [body, status] of cases) {
    assert.equal((await post("/v1/sessions", body)).status, status, JSON.stringify(body));
  }
});

Deno.test("promptSession() sends the transcript and adds the turn to it", async () => {
  const app = createTestApp();
  const path = await start(app, { system_prompt: "Be brief", generation: { max_new_tokens: 7 } });
  const first = await app.post(`${path}/prompt`, { prompt: "List planets" });
  assert.equal(first.status, 200);
  const { text, metadata } = await first.json();
  assert.equal(text, REPLY);
  assert.equal(metadata.cached_tokens, "2");
  await app.post(`${path}/prompt`, { prompt: "More" });
  assert.deepEqual(app.engine.requests[1], {
    model: "ollm-tiny",
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "List planets" },
      { role: "assistant", content: REPLY },
      { role: "user", content: "More" },
    ],
    sampling: { temperature: 0 },
    maxTokens: 7,
  });
  const { messages } = await (await app.send(path)).json();
  assert.deepEqual(messages, [
    { role: "user", content: [{ type: "text", value: "List planets" }] },
    { role: "assistant", content: [{ type: "text", value: REPLY }] },
    { role: "user", content: [{ type: "text", value: "More" }] },
    { role: "assistant", content: [{ type: "text", value: REPLY }] },
  ]);
});

Deno.test("streamSessionPrompt() sends the events of a prompt and adds the turn", async () => {
  const app = createTestApp({ pieces: ["Mer", "cury"] });
  const path = await start(app);
  const response = await app.post(`${path}/prompt/stream`, { prompt: "Hi" });
  assert.equal(
    await response.text(),
    [
      'event: status\ndata: {"message":"ollm-tiny on stub adapter (wgsl, gpu)"}\n\n',
      'event: text\ndata: {"delta":"Mer"}\n\n',
      'event: text\ndata: {"delta":"cury"}\n\n',
      'event: complete\ndata: {"text":"Mercury"}\n\n',
    ].join(""),
  );
  assert.deepEqual(await readTexts(app, path), ["Hi", "Mercury"]);
});

Deno.test("Session keeps its transcript when a prompt fails", async () => {
  const app = createTestApp({ failure: new EngineError("device_lost", "The device was lost") });
  const path = await start(app);
  assert.equal((await app.post(`${path}/prompt`, { prompt: "Hi" })).status, 503);
  const stream = await app.post(`${path}/prompt/stream`, { prompt: "Hi" });
  assert.match(await stream.text(), /event: error\n/);
  assert.equal((await app.post(`${path}/prompt`, { prompt: "" })).status, 400);
  assert.equal((await app.post(`${path}/prompt`, { prompt: "Hi", more: 1 })).status, 422);
  assert.deepEqual(await readTexts(app, path), []);
});

Deno.test("Session keeps its transcript and goes on when a reader leaves", async () => {
  const app = createTestApp({ hangs: true });
  const path = await start(app);
  const response = await app.post(`${path}/prompt/stream`, { prompt: "Hi" });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  const next = await app.post(`${path}/prompt/stream`, { prompt: "Again" });
  await next.body!.cancel();
  assert.equal(app.engine.requests.length, 2);
  assert.deepEqual(await readTexts(app, path), []);
});

Deno.test("Session runs its prompts one after another, a stream until its end", async () => {
  const app = createTestApp({ pauseMs: 2 });
  const path = await start(app);
  const stream = await app.post(`${path}/prompt/stream`, { prompt: "1" });
  const waiting = [2, 3, 4].map((n) => app.post(`${path}/prompt`, { prompt: String(n) }));
  assert.equal(app.engine.requests.length, 1);
  await stream.text();
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200);
  const texts = await readTexts(app, path);
  assert.deepEqual(texts.filter((_, i) => i % 2 === 0), ["1", "2", "3", "4"]);
  assert.deepEqual(app.engine.requests.map(({ messages }) => messages!.length), [2, 4, 6, 8]);
});

Deno.test("Session lets a caller that gave up leave the queue", async () => {
  const app = createTestApp({ hangs: true });
  const path = await start(app);
  const running = await app.post(`${path}/prompt/stream`, { prompt: "1" });
  const caller = new AbortController();
  const waiting = app.post(`${path}/prompt`, { prompt: "2" }, { signal: caller.signal });
  await new Promise((resolve) => setTimeout(resolve, 5));
  caller.abort();
  assert.equal((await waiting).status, 503);
  await running.body!.cancel();
  assert.equal(app.engine.requests.length, 1);
});

Deno.test("Session.begin() refuses a transcript that grows too large", async () => {
  const app = createTestApp({}, { sessions: new SessionStore({ maxTranscriptBytes: 40 }) });
  const path = await start(app);
  assert.equal((await app.post(`${path}/prompt`, { prompt: "x".repeat(41) })).status, 413);
  assert.equal((await app.post(`${path}/prompt`, { prompt: "x".repeat(10) })).status, 200);
  const full = await app.post(`${path}/prompt`, { prompt: "ü".repeat(3) });
  assert.equal(full.status, 413);
  assert.match((await full.json()).detail, /would have 41 bytes, 40 are allowed/);
});

Deno.test("SessionStore.get() answers 404 for an unknown session", async () => {
  const { send, post } = createTestApp();
  const path = "/v1/sessions/00000000-0000-4000-8000-000000000000";
  assert.equal((await send(path)).status, 404);
  for (const suffix of ["/prompt", "/prompt/stream"]) {
    const response = await post(path + suffix, { prompt: "Hi" });
    assert.equal(response.status, 404);
    assert.match((await response.json()).detail, /does not exist/);
  }
});

Deno.test("SessionStore.create() refuses one session too many", () => {
  const store = new SessionStore({ maxSessions: 2 });
  store.create(SETTINGS);
  store.create(SETTINGS);
  assert.throws(() => store.create(SETTINGS), { status: 429 });
});

Deno.test("SessionStore forgets a session that nobody used for a while", () => {
  let now = 0;
  const store = new SessionStore({ maxSessions: 2, idleMs: 100, now: () => now });
  const [old, used] = [store.create(SETTINGS), store.create(SETTINGS)];
  now = 60;
  store.get(used.id);
  now = 100;
  assert.throws(() => store.get(old.id), { status: 404 });
  assert.equal(store.get(used.id), used);
  store.create(SETTINGS);
});

Deno.test("SessionStore keeps a session whose prompt still runs", async () => {
  let now = 0;
  const store = new SessionStore({ idleMs: 100, now: () => now });
  const session = store.create(SETTINGS);
  const turn = await session.begin("Hi", new AbortController().signal);
  now = 1000;
  assert.equal(store.get(session.id), session);
  turn.end();
  now = 2000;
  assert.throws(() => store.get(session.id), { status: 404 });
});
