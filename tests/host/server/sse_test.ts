import assert from "node:assert/strict";
import { IdleTimer } from "../../../server/idle_timer.ts";
import { type SseFrame, sseResponse } from "../../../server/sse.ts";

const LONG_MS = 60_000;

function open(frames: AsyncIterable<SseFrame>, { writeStallMs = LONG_MS } = {}) {
  const ends: string[] = [];
  const response = sseResponse(frames, {
    keepAliveMs: LONG_MS,
    writeStallMs,
    onAbort: () => ends.push("abort"),
    onEnd: () => ends.push("end"),
  });
  return { reader: response.body!.getReader(), ends };
}

/** Batches of frames that are there at once, a timer between them. */
async function* inBatches(...batches: string[][]): AsyncGenerator<SseFrame> {
  for (const batch of batches) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const data of batch) yield { data };
  }
}

/** Generators around generators, as routes have them. */
async function* wrap(frames: AsyncIterable<SseFrame>, depth: number): AsyncGenerator<SseFrame> {
  for await (const frame of depth === 0 ? frames : wrap(frames, depth - 1)) yield frame;
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string[]> {
  const decoder = new TextDecoder();
  const writes: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return writes;
    writes.push(decoder.decode(value));
  }
}

Deno.test("sseResponse() writes frames together that are there together, and waits for no other", async () => {
  const { reader, ends } = open(wrap(inBatches(["a", "b", "c"], ["d"]), 4));
  assert.deepEqual(await readAll(reader), [
    "data: a\n\ndata: b\n\ndata: c\n\n",
    "data: d\n\n",
  ]);
  assert.deepEqual(ends, ["end"]);
});

Deno.test("sseResponse() bounds a write", async () => {
  const { reader } = open(inBatches(Array.from({ length: 100 }, (_, i) => `${i}`)));
  const writes = await readAll(reader);
  assert.deepEqual(writes.map((text) => text.split("\n\n").length - 1), [64, 36]);
});

Deno.test("sseResponse() cuts off a client that does not take the last frames", async () => {
  const { reader, ends } = open(inBatches(["a"]), { writeStallMs: 20 });
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 60));
  await assert.rejects(() => reader.read(), /stopped reading/);
  assert.deepEqual(ends, ["abort"]);
});

Deno.test("IdleTimer calls back after its limit, counted from the last restart", async () => {
  const start = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  using timer = new IdleTimer(40, resolve);
  timer.restart();
  await new Promise((resolve) => setTimeout(resolve, 25));
  const restartedAt = performance.now();
  timer.restart();
  await promise;
  assert.ok(performance.now() - restartedAt >= 39, `${performance.now() - start} ms`);
});

Deno.test("IdleTimer.stop() keeps it quiet until it is restarted", async () => {
  let numCalls = 0;
  using timer = new IdleTimer(5, () => numCalls++);
  timer.restart();
  timer.stop();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(numCalls, 0);
  timer.restart();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(numCalls, 1);
});
