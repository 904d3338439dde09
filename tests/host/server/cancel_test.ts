import assert from "node:assert/strict";
import { Drain } from "../../../server/drain.ts";
import { toApiError } from "../../../server/errors.ts";
import { createTestApp, readData } from "../../support/app.ts";

const CHAT = "/v1/chat/completions";
const HELLO = { model: "ollm-tiny", messages: [{ role: "user", content: "List three planets" }] };

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

Deno.test("sseResponse() cancels the generation when the reader leaves", async () => {
  const { post, engine } = createTestApp({ hangs: true });
  const response = await post(CHAT, { ...HELLO, stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  assert.equal(engine.numRunning, 1);
  await reader.cancel();
  await settle();
  assert.equal(engine.numRunning, 0);
  assert.equal(engine.numCancelled, 1);
});

Deno.test("sseResponse() cancels all choices when the reader leaves", async () => {
  const { post, engine } = createTestApp({ hangs: true });
  const response = await post(CHAT, { ...HELLO, stream: true, n: 3 });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await settle();
  assert.equal(engine.numCancelled, 3);
});

Deno.test("createChatCompletion() cancels a reply that is not streamed when the client leaves", async () => {
  const { post, engine } = createTestApp({ hangs: true });
  const client = new AbortController();
  const response = post(CHAT, HELLO, { signal: client.signal });
  await settle();
  assert.equal(engine.numRunning, 1);
  client.abort();
  await response;
  assert.equal(engine.numRunning, 0);
  assert.equal(engine.numCancelled, 1);
});

Deno.test("toApiError() takes a client that left for no failure of the server", () => {
  const client = new AbortController();
  client.abort();
  const { status, code } = toApiError(client.signal.reason);
  assert.deepEqual({ status, code }, { status: 503, code: "request_cancelled" });
});

Deno.test("sseResponse() sends a comment during a silence", async () => {
  const { post } = createTestApp({ hangs: true }, { limits: { keepAliveMs: 10 } });
  const response = await post(CHAT, { ...HELLO, stream: true });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const writes: string[] = [];
  while (writes.length < 3) writes.push((await reader.read()).value!);
  assert.match(writes[0]!, /"content":"Mercury"/);
  assert.deepEqual(writes.slice(1), [": keep-alive\n\n", ": keep-alive\n\n"]);
  await reader.cancel();
});

Deno.test("sseResponse() cuts off a client that stops reading", async () => {
  const { post, engine } = createTestApp({ hangs: true }, { limits: { writeStallMs: 20 } });
  const response = await post(CHAT, { ...HELLO, stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 60));
  await assert.rejects(() => reader.read(), /stopped reading/);
  await settle();
  assert.equal(engine.numRunning, 0);
});

Deno.test("Cancellation ends a request that takes too long", async () => {
  const { post, engine } = createTestApp({ hangs: true }, { limits: { requestTimeoutMs: 20 } });
  const response = await post(CHAT, HELLO);
  assert.equal(response.status, 504);
  assert.equal((await response.json()).error.code, "request_timeout");
  assert.equal(engine.numRunning, 0);
});

Deno.test("Drain refuses new requests and tells running streams why they end", async () => {
  const drain = new Drain();
  const { post, send } = createTestApp({ hangs: true }, { drain });
  const running = await post(CHAT, { ...HELLO, stream: true });
  const reading = readData(running);
  await settle();
  drain.begin();
  const refused = await send("/v1/health");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "5");
  drain.endAll();
  const data = await reading;
  assert.equal(JSON.parse(data.at(-1)!).error.code, "server_shutting_down");
});
