import assert from "node:assert/strict";
import { GenerationRequests } from "../../../engine/runtime/generation_requests.ts";
import { ModelEngine } from "../../../engine/runtime/model_engine.ts";
import type { WorkerReply } from "../../../engine/runtime/protocol.ts";
import { createStubText, StubRunner } from "../../support/stub_runner.ts";

/** No machine is so slow. */
const LONG_MS = 60_000;

function createRequests() {
  const engine = new ModelEngine({
    model: "letters",
    runner: new StubRunner(),
    text: createStubText(),
    sampling: {},
    maxWaiting: 4,
    defaultMaxTokens: 10,
  });
  const replies: WorkerReply[] = [];
  const requests = new GenerationRequests(engine, (reply) => replies.push(reply), {
    maxHoldMs: LONG_MS,
  });
  /** The texts and ends of each message so far. */
  const messages = () =>
    replies.flatMap((reply) =>
      reply.type === "events"
        ? [reply.events.map(([, event]) => event.type === "text" ? event.text : event.type)]
        : []
    );
  return { engine, requests, messages };
}

Deno.test("GenerationRequests.flushDue() holds events for the next step if that comes soon", async () => {
  const { engine, requests, messages } = createRequests();
  await requests.open(1, { model: "letters", prompt: "a" });
  for (let step = 0; step < 4; step++) {
    await engine.step();
    requests.flushDue(1);
  }
  assert.deepEqual(messages(), [["b"]], "only the first text");
  requests.flushDue(LONG_MS + 1);
  assert.deepEqual(messages(), [["b"], ["c", "d", "e"]]);
});

Deno.test("GenerationRequests.flushDue() holds back no answer's first text, nor what came before it", async () => {
  const { engine, requests, messages } = createRequests();
  await requests.open(1, { model: "letters", prompt: "a" });
  for (let step = 0; step < 2; step++) {
    await engine.step();
    requests.flushDue(1);
  }
  await requests.open(2, { model: "letters", prompt: "a" });
  await engine.step();
  requests.flushDue(1);
  assert.deepEqual(messages(), [["b"], ["c"], ["d", "b"]]);
});

Deno.test("GenerationRequests.flushDue() holds back no end, nor what came before it", async () => {
  const { engine, requests, messages } = createRequests();
  await requests.open(1, { model: "letters", prompt: "a", maxTokens: 1 });
  await requests.open(2, { model: "letters", prompt: "a" });
  await engine.step();
  requests.flushDue(1);
  assert.deepEqual(messages(), [["b", "finish", "b"]]);
});

Deno.test("GenerationRequests.open() sends what is held before the new prompt is computed", async () => {
  const { engine, requests, messages } = createRequests();
  await requests.open(1, { model: "letters", prompt: "a" });
  await engine.step();
  requests.flushDue(1);
  await requests.open(2, { model: "letters", prompt: "a" });
  assert.deepEqual(messages(), [["b"]]);
});
