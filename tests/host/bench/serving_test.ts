import assert from "node:assert/strict";
import {
  computeDecodeRate,
  measureServing,
  quantile,
} from "../../../bench/peers/serving/measure.ts";
import {
  connectHttpService,
  type Generation,
  type Service,
} from "../../../bench/peers/serving/service.ts";

function generation(times: number[], numOutputTokens = times.length): Generation {
  return { start: 0, times, numPromptTokens: 8, numCachedTokens: 0, numOutputTokens };
}

const OPTIONS = {
  streams: [1, 2],
  numPromptTokens: 8,
  numGeneratedTokens: 3,
  numPrefixTokens: 32,
  numAdmittedTokens: 0,
  seed: 1,
};

/** Answers at once; finds a prefix that it has seen. */
function createStub({ isCold = false } = {}): Service {
  const seen: string[] = [];
  return {
    generate({ prompt, maxTokens }) {
      const isKnown = seen.some((old) => old.slice(0, 32) === prompt.slice(0, 32)) || isCold;
      seen.push(prompt);
      const start = Math.floor(performance.now()); // whole, so that differences are exact
      const times = Array.from({ length: maxTokens }, (_, i) => start + (isKnown ? 1 : 20) + i);
      return Promise.resolve({
        start,
        times,
        numPromptTokens: prompt.length,
        numCachedTokens: isKnown ? 32 : 0,
        numOutputTokens: maxTokens,
      });
    },
    close: () => Promise.resolve(),
  };
}

Deno.test("computeDecodeRate() counts tokens only while all streams decode", () => {
  const rate = computeDecodeRate([
    generation([0, 100, 200, 300]),
    generation([100, 200, 300, 400]),
  ]);
  assert.equal(rate, 1000 * 4 / 200);
  assert.equal(computeDecodeRate([generation([0, 10]), generation([20, 30])]), null);
  assert.equal(computeDecodeRate([generation([0, 100], 4)]), 1000 * 2 / 100); // two tokens a piece
});

Deno.test("quantile() is a value that occurred", () => {
  assert.equal(quantile([3, 1, 2], 0.99), 3);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

Deno.test("measureServing() counts tokens and tells a cached prefix from a cold one", async () => {
  const result = await measureServing(createStub(), OPTIONS);
  assert.equal(result.streams[2]!.numOutputTokens, 6);
  assert.deepEqual(
    [result.prefix!.coldMs, result.prefix!.cachedMs, result.prefix!.numCachedTokens],
    [20, 1, 32],
  );
  assert.equal(result.prefix!.numPromptTokens, 48);
  assert.equal(result.admission, null);
});

Deno.test("measureServing() refuses a cold figure of a prompt that was cached", async () => {
  await assert.rejects(measureServing(createStub({ isCold: true }), OPTIONS), /were cached/);
});

Deno.test("connectHttpService() reads pieces and counts from the stream", async () => {
  const chunk = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
  const body = chunk({ choices: [{ text: "a" }], usage: null }) +
    chunk({ choices: [{ text: "", finish_reason: "length" }], usage: null }) +
    chunk({
      choices: [],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 2,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    }) + "data: [DONE]\n\n";
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response(body),
  );
  try {
    const service = connectHttpService(`http://127.0.0.1:${server.addr.port}`, "m");
    const result = await service.generate({ prompt: "x", maxTokens: 2 });
    assert.equal(result.times.length, 1);
    const { numPromptTokens, numCachedTokens, numOutputTokens } = result;
    assert.deepEqual([numPromptTokens, numCachedTokens, numOutputTokens], [9, 4, 2]);
  } finally {
    await server.shutdown();
  }
});
