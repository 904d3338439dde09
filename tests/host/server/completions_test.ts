import assert from "node:assert/strict";
import { EngineError } from "../../../engine/mod.ts";
import { createTestApp, readData } from "../../support/app.ts";

const PATH = "/v1/completions";
const REQUEST = { model: "ollm-tiny", prompt: "The planets are" };
const REPLY = "Mercury, Venus and Earth.";

Deno.test("createCompletion() goes on from a text", async () => {
  const { post, engine } = createTestApp();
  const response = await post(PATH, { ...REQUEST, max_tokens: 4, stop: "\n", temperature: 0.5 });
  assert.equal(response.status, 200);
  const { id, created, ...rest } = await response.json();
  assert.match(id, /^cmpl-[0-9a-f]{32}$/);
  assert.ok(Number.isInteger(created));
  assert.deepEqual(rest, {
    object: "text_completion",
    model: "ollm-tiny",
    choices: [{ text: REPLY, index: 0, logprobs: null, finish_reason: "stop" }],
    usage: {
      prompt_tokens: 5,
      completion_tokens: 3,
      total_tokens: 8,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  });
  assert.deepEqual(engine.requests, [{
    model: "ollm-tiny",
    prompt: "The planets are",
    stop: ["\n"],
    maxTokens: 4,
    sampling: { temperature: 0.5 },
  }]);
});

Deno.test("createCompletion() answers prompt by prompt, and each with n choices", async () => {
  const { post, engine } = createTestApp();
  const body = { ...REQUEST, prompt: ["a", "b"], n: 2, seed: 7, echo: true };
  const { choices, usage } = await (await post(PATH, body)).json();
  assert.deepEqual(
    choices.map(({ index, text }: { index: number; text: string }) => [index, text]),
    [[0, `a${REPLY}`], [1, `a${REPLY}`], [2, `b${REPLY}`], [3, `b${REPLY}`]],
  );
  assert.deepEqual(
    engine.requests.map(({ prompt, sampling }) => [prompt, sampling?.seed]),
    [["a", 7], ["a", 8], ["b", 7], ["b", 8]],
  );
  assert.equal(usage.prompt_tokens, 10);
  assert.equal(usage.prompt_tokens_details.cached_tokens, 4);
  assert.equal(usage.completion_tokens, 12);
  assert.equal(usage.total_tokens, 22);
});

Deno.test("createCompletion() takes token ids", async () => {
  const { post, engine } = createTestApp();
  await post(PATH, { ...REQUEST, prompt: [72, 105] });
  await post(PATH, { ...REQUEST, prompt: [[72, 105], [72]] });
  assert.deepEqual(engine.requests.map(({ prompt }) => prompt), ["Hi", "Hi", "H"]);
});

Deno.test("createCompletion() reports log-probabilities as four lists", async () => {
  const { post } = createTestApp({ pieces: ["Mer", "cury"] });
  const { choices: [choice] } = await (await post(PATH, { ...REQUEST, logprobs: 1 })).json();
  assert.deepEqual(choice.logprobs, {
    tokens: ["Mer", "cury"],
    token_logprobs: [-0.5, -0.5],
    top_logprobs: [{ Mer: -0.5 }, { cury: -0.5 }],
    text_offset: [0, 3],
  });
});

Deno.test("createCompletion() streams the echo, the text, the finish and the usage", async () => {
  const { post } = createTestApp({ pieces: ["Mer", "cury"], reason: "length" });
  const response = await post(PATH, {
    ...REQUEST,
    prompt: "Hi ",
    stream: true,
    echo: true,
    stream_options: { include_usage: true },
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const data = await readData(response);
  assert.equal(data.pop(), "[DONE]");
  const chunks = data.map((text) => JSON.parse(text));
  const { choices, usage } = chunks.pop();
  assert.deepEqual(choices, []);
  assert.equal(usage.total_tokens, 8);
  const choice = (text: string, finish_reason: string | null) => ({
    text,
    index: 0,
    logprobs: null,
    finish_reason,
  });
  assert.deepEqual(chunks.map(({ choices, usage }) => [...choices, usage]), [
    [choice("Hi ", null), null],
    [choice("Mer", null), null],
    [choice("cury", null), null],
    [choice("", "length"), null],
  ]);
  for (const chunk of chunks) assert.equal(chunk.object, "text_completion");
});

Deno.test("createCompletion() streams log-probabilities with the offsets of the whole text", async () => {
  const { post } = createTestApp({ pieces: ["é😀", "x"] });
  const data = await readData(await post(PATH, { ...REQUEST, stream: true, logprobs: 0 }));
  const offsets = data.slice(0, 2).map((text) => JSON.parse(text).choices[0].logprobs.text_offset);
  assert.deepEqual(offsets, [[0], [2]]);
});

Deno.test("createCompletion() ends a stream that fails with an error and without [DONE]", async () => {
  const failure = new EngineError("device_lost", "The device was lost");
  const { post } = createTestApp({ failure });
  const data = await readData(await post(PATH, { ...REQUEST, stream: true }));
  assert.equal(JSON.parse(data.at(-1)!).error.code, "device_lost");
});

Deno.test("createCompletion() refuses what it cannot do, and names the field", async () => {
  const { post, engine } = createTestApp();
  const cases: [Record<string, unknown>, string][] = [
    [{ prompt: undefined }, "prompt"],
    [{ prompt: [] }, "prompt"],
    [{ prompt: [[]] }, "prompt"],
    [{ prompt: ["a", 1] }, "prompt"],
    [{ prompt: [-1] }, "prompt"],
    [{ prompt: Array(65).fill("a") }, "prompt"],
    [{ prompt: Array(33).fill("a"), n: 2 }, "prompt"],
    [{ suffix: "end" }, "suffix"],
    [{ best_of: 2 }, "best_of"],
    [{ echo: true, logprobs: 1 }, "logprobs"],
    [{ logprobs: true }, "logprobs"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ model: " " }, "model"],
  ];
  for (const [change, param] of cases) {
    const response = await post(PATH, { ...REQUEST, ...change });
    assert.equal(response.status, 400, JSON.stringify(change));
    const { error } = await response.json();
    assert.equal(error.param?.split("[")[0], param, JSON.stringify(change));
  }
  assert.equal((await post(PATH, { ...REQUEST, model: "nope" })).status, 404);
  assert.deepEqual(engine.requests, []);
  const accepted = { suffix: "", best_of: 1, logprobs: null, user: "me", made_up: 1 };
  assert.equal((await post(PATH, { ...REQUEST, ...accepted })).status, 200);
});

Deno.test("createCompletion() cancels every choice when the reader leaves", async () => {
  const { post, engine } = createTestApp({ hangs: true });
  const response = await post(PATH, { ...REQUEST, n: 3, stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(engine.numRunning, 0);
});

Deno.test("createCompletion() names the limit that a list of prompts passes", async () => {
  const { post } = createTestApp();
  for (
    const [prompt, pattern] of [
      [Array(65).fill("a"), /at most 64/],
      [Array(65).fill([1]), /at most 64/],
      [[1.5], /a text, token ids, or an array/],
    ] as const
  ) {
    const response = await post("/v1/completions", { model: "ollm-tiny", prompt });
    assert.equal(response.status, 400);
    assert.match((await response.json()).error.message, pattern);
  }
});
