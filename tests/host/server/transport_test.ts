import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";

const CHAT = "/v1/chat/completions";
const HELLO = { model: "ollm-tiny", messages: [{ role: "user", content: "Hi" }] };

Deno.test("createApp() answers GET /v1/health", async () => {
  const response = await createTestApp().send("/v1/health");
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    ok: true,
    service: "ollm",
    version: "1.2.3",
    server_mode: "local-only",
  });
});

Deno.test("createApp() forbids sniffing and storing on every reply", async () => {
  const { send, post } = createTestApp();
  const replies = [await send("/v1/health"), await send("/nope"), await post(CHAT, "{")];
  replies.push(await post(CHAT, { ...HELLO, stream: true }));
  for (const { headers } of replies) {
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
  }
});

Deno.test("requestId() keeps a harmless id and replaces another one", async () => {
  const { send } = createTestApp();
  const kept = await send("/v1/health", { headers: { "x-request-id": "abc-1" } });
  assert.equal(kept.headers.get("x-request-id"), "abc-1");
  const made = await send("/v1/health", { headers: { "x-request-id": "a b" } });
  assert.match(made.headers.get("x-request-id")!, /^req_[0-9a-f]{32}$/);
});

Deno.test("createApp() answers 404 and 405 in the envelope of the path", async () => {
  const { send } = createTestApp();
  const unknown = await send("/v1/nope");
  assert.equal(unknown.status, 404);
  assert.deepEqual(await unknown.json(), { detail: "Not Found" });

  const openai = await send("/v1/chat/nope");
  assert.equal(openai.status, 404);
  assert.equal((await openai.json()).error.type, "not_found_error");

  const wrongMethod = await send("/v1/health", { method: "POST" });
  assert.equal(wrongMethod.status, 405);
  assert.equal(wrongMethod.headers.get("allow"), "GET");
  assert.deepEqual(await wrongMethod.json(), { detail: "Method Not Allowed" });

  for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]) {
    assert.equal((await send(CHAT, { method })).status, 405, method);
  }
  assert.equal((await send("/v1/health", { method: "HEAD" })).status, 405);
});

Deno.test("createApp() redirects a trailing slash with the query kept", async () => {
  const { send } = createTestApp();
  const response = await send("/v1/health/?a=1");
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), "/v1/health?a=1");
  assert.equal((await send("//example.org/")).status, 404);
});

Deno.test("knownPlaces() takes local spellings of Host and no others", async () => {
  const { send } = createTestApp({}, { port: 8000 });
  const status = async (host: string) => (await send("/v1/health", { headers: { host } })).status;
  for (
    const host of [
      "localhost",
      "localhost:8000",
      "LOCALHOST",
      "127.0.0.1:8000",
      "127.9.8.7",
      "[::1]:8000",
    ]
  ) {
    assert.equal(await status(host), 200, host);
  }
  for (
    const host of [
      "example.org",
      "localhost.evil.com",
      "127.0.0.1.evil.com",
      "localhost:81",
      "my.local",
      "127.0.0.300",
      "0.0.0.0",
      "2130706433",
      "localhost.",
      "[::2]",
      "evil@localhost",
    ]
  ) {
    assert.equal(await status(host), 403, host);
  }
  for (const host of ["", "localhost,localhost"]) assert.equal(await status(host), 400, host);
});

Deno.test("knownPlaces() refuses pages of other sites", async () => {
  const { send } = createTestApp({}, { port: 8000 });
  for (
    const origin of [
      "http://evil.com",
      "https://localhost:8000",
      "null",
      "http://localhost:81",
      "file://",
    ]
  ) {
    const response = await send("/v1/health", { headers: { origin } });
    assert.equal(response.status, 403, origin);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  }
  const own = await send("/v1/health", { headers: { origin: "http://localhost:8000" } });
  assert.equal(own.status, 200);
  assert.equal(own.headers.get("access-control-allow-origin"), "http://localhost:8000");
  assert.equal(own.headers.get("vary"), "Origin");
  const crossSite = await send("/v1/health", { headers: { "sec-fetch-site": "cross-site" } });
  assert.equal(crossSite.status, 403);
});

Deno.test("jsonBody() requires a JSON content type", async () => {
  const { post } = createTestApp();
  for (
    const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
  ) {
    for (const path of [CHAT, "/v1/prompt", "/v1/plan"]) {
      const response = await post(path, HELLO, { headers: { "content-type": type } });
      assert.equal(response.status, 415, `${path} ${type}`);
    }
  }
  const ok = await post(CHAT, HELLO, {
    headers: { "content-type": "Application/JSON; charset=utf-8" },
  });
  assert.equal(ok.status, 200);
});

Deno.test("jsonBody() refuses what is not one sound JSON object", async () => {
  const { post } = createTestApp();
  const bodies = [
    "",
    "{",
    "[]",
    "null",
    '"text"',
    "{'a':1}",
    '{"model":"a","model":"b"}',
    '{"model":"a","\\u006dodel":"b"}',
    `{"a":${"[".repeat(64)}${"]".repeat(64)}}`,
    `{"a":[${"0,".repeat(100_000)}0]}`,
  ];
  for (const body of bodies) {
    const openai = await post(CHAT, body);
    assert.equal(openai.status, 400, body.slice(0, 40));
    assert.equal((await openai.json()).error.code, "invalid_json");
    const native = await post("/v1/prompt", body);
    assert.equal(native.status, 400);
    assert.equal(typeof (await native.json()).detail, "string");
  }
});

Deno.test("jsonBody() passes equal keys of different objects and keys inside texts", async () => {
  const { post } = createTestApp();
  const messages = [
    { role: "user", content: '{"a":1,"a":2} [[[ "' },
    { role: "user", content: "x\\" },
  ];
  assert.equal((await post(CHAT, { ...HELLO, messages })).status, 200);
});

Deno.test("jsonBody() refuses bytes that are not UTF-8", async () => {
  const { send } = createTestApp();
  const response = await send(CHAT, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]),
  });
  assert.equal(response.status, 400);
});

Deno.test("jsonBody() counts the bytes that arrive, whatever the header says", async () => {
  const { send } = createTestApp({}, { limits: { maxBodyBytes: 100 } });
  const chunk = new TextEncoder().encode(" ".repeat(60));
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
  const response = await send(CHAT, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: endless,
  });
  assert.equal(response.status, 413);
  assert.equal((await response.json()).error.code, "request_too_large");
});

Deno.test("jsonBody() blames the client for a body that breaks off", async () => {
  const { send } = createTestApp();
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  const response = await send(CHAT, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: broken,
  });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.code, "incomplete_body");
});

Deno.test("jsonBody() gives up on a body that does not arrive", async () => {
  const { send } = createTestApp({}, { limits: { bodyTimeoutMs: 10 } });
  const response = await send("/v1/plan", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new ReadableStream(),
  });
  assert.equal(response.status, 408);
});

Deno.test("jsonBody() refuses an encoded body, and says which one it takes", async () => {
  const { send } = createTestApp();
  const response = await send("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: "{}",
  });
  assert.equal(response.status, 415);
  assert.equal(response.headers.get("accept-encoding"), "identity");
});
