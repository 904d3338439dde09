import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";

const CHAT = "/v1/chat/completions";
const HELLO = { model: "ollm-tiny", messages: [{ role: "user", content: "Hi" }] };

Deno.test("requestLimits() refuses a URI and a head that are too large", async () => {
  const { send } = createTestApp();
  assert.equal((await send(`/v1/models/${"a".repeat(9000)}`)).status, 414);
  assert.equal((await send("/v1/models", { headers: { "x-a": "a".repeat(17_000) } })).status, 431);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, "1"]));
  const refused = await send("/v1/models", { headers: many });
  assert.equal(refused.status, 431);
  assert.equal((await refused.json()).error.code, "request_header_fields_too_large");
});

Deno.test("requestLimits() refuses one more request than the server holds", async () => {
  const { post, send } = createTestApp({ hangs: true }, { limits: { maxRequests: 1 } });
  const stream = await post(CHAT, { ...HELLO, stream: true });
  const refused = await send("/v1/health");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  await stream.body!.cancel();
  assert.equal((await send("/v1/health")).status, 200);
  assert.equal((await send("/v1/health")).status, 200);
});

Deno.test("requestLimits() refuses one more event stream and frees what it had begun", async () => {
  const { post, engine } = createTestApp({ hangs: true }, { limits: { maxStreams: 1 } });
  const first = await post(CHAT, { ...HELLO, stream: true });
  assert.equal(first.status, 200);
  const second = await post(CHAT, { ...HELLO, stream: true });
  assert.equal(second.status, 503);
  assert.equal((await second.json()).error.code, "server_overloaded");
  await first.body!.cancel();
  const third = await post(CHAT, { ...HELLO, stream: true });
  assert.equal(third.status, 200);
  await third.body!.cancel();
  assert.equal(engine.requests.length, 3);
});
