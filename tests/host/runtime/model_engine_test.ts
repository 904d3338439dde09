import assert from "node:assert/strict";
import { ContextLengthError, InvalidRequestError, QueueFullError } from "../../../engine/errors.ts";
import { GrammarFollower } from "../../../engine/runtime/grammar_follower.ts";
import { ModelEngine } from "../../../engine/runtime/model_engine.ts";
import type { GrammarSession } from "../../../engine/sampling/grammar/mod.ts";
import type { GenerationEvent, GenerationRequest } from "../../../engine/types.ts";
import { createStubText, StubRunner, type StubRunnerOptions } from "../../support/stub_runner.ts";
import { runAll } from "../../support/model_engine.ts";

function createModel(options: StubRunnerOptions = {}, maxWaiting = 4, maxWaitMs = 60_000) {
  const runner = new StubRunner(options);
  const engine = new ModelEngine({
    model: "letters",
    runner,
    text: createStubText(),
    sampling: {},
    maxWaiting,
    maxWaitMs,
    defaultMaxTokens: 10,
  });
  return { engine, runner };
}

/** Submits and collects. */
function submit(engine: ModelEngine, request: Partial<GenerationRequest>) {
  const events: GenerationEvent[] = [];
  const errors: unknown[] = [];
  const { id, numPromptTokens } = engine.submit({ model: "letters", ...request }, {
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
  });
  const text = () => events.map((event) => event.type === "text" ? event.text : "").join("");
  const finish = () => {
    const last = events.at(-1);
    return last?.type === "finish" ? last : null;
  };
  return { id, numPromptTokens, events, errors, text, finish };
}

Deno.test("ModelEngine.step() generates until maxTokens and reports the counts", async () => {
  const { engine } = createModel();
  const generation = submit(engine, { prompt: "abc", maxTokens: 4 });
  await runAll(engine);
  assert.equal(generation.text(), "defg");
  assert.equal(generation.finish()!.reason, "length");
  assert.equal(generation.finish()!.usage.numPromptTokens, 3);
  assert.equal(generation.finish()!.usage.numOutputTokens, 4);
});

Deno.test("ModelEngine.step() stops at the end-of-text token, which has no text, and counts it", async () => {
  const { engine } = createModel({ lastToken: 5 });
  const generation = submit(engine, { prompt: "abc" });
  await runAll(engine);
  assert.equal(generation.text(), "def");
  assert.equal(generation.finish()!.reason, "stop");
  assert.equal(generation.finish()!.usage.numOutputTokens, 4);
});

Deno.test("ModelEngine.step() goes on past the end-of-text token with ignoreEos", async () => {
  const { engine } = createModel({ lastToken: 3 });
  const generation = submit(engine, { prompt: "abc", maxTokens: 3, ignoreEos: true });
  await runAll(engine);
  assert.equal(generation.finish()!.usage.numOutputTokens, 3);
  assert.equal(generation.finish()!.reason, "length");
});

Deno.test("ModelEngine.step() ends before a stop sequence that several tokens make", async () => {
  const { engine } = createModel();
  const generation = submit(engine, { prompt: "abc", stop: ["fgh", "z"] });
  await runAll(engine);
  assert.equal(generation.text(), "de");
  assert.equal(generation.finish()!.reason, "stop");
  assert.equal(generation.finish()!.stopSequence, "fgh");
});

Deno.test("ModelEngine.step() shows what was held back when no stop sequence came of it", async () => {
  const { engine } = createModel();
  const generation = submit(engine, { prompt: "abc", stop: ["efx"], maxTokens: 3 });
  await runAll(engine);
  assert.equal(generation.text(), "def");
  assert.equal(generation.finish()!.reason, "length");
});

Deno.test("ModelEngine.step() runs several sequences in one pass", async () => {
  const { engine, runner } = createModel();
  const first = submit(engine, { prompt: "abc", maxTokens: 3 });
  const second = submit(engine, { prompt: "mn", maxTokens: 2 });
  await runAll(engine);
  assert.deepEqual([first.text(), second.text()], ["def", "op"]);
  assert.deepEqual(runner.steps.map((entries) => entries.map(({ tokens }) => [...tokens])), [
    [[0, 1, 2], [12, 13]],
    [[3], [14]],
    [[4]],
  ]);
});

Deno.test("ModelEngine.step() gives the same text to a sequence that was preempted", async () => {
  const { engine } = createModel({ numBlocks: 5, contextLength: 20 });
  const generations = ["abc", "klm", "uvw"].map((prompt) =>
    submit(engine, { prompt, maxTokens: 12 })
  );
  await runAll(engine);
  assert.deepEqual(generations.map(({ text }) => text()), [
    "defghijklmno",
    "nopqrstuvwxy",
    "xyzabcdefghi",
  ]);
  assert.ok(engine.stats().numPreemptionsTotal > 0);
  assert.equal(engine.stats().numFreeBlocks, 5);
});

Deno.test("ModelEngine.submit() cuts the default bound, but not a given one, to the context", async () => {
  const { engine } = createModel({ contextLength: 8 });
  const generation = submit(engine, { prompt: "abcde" });
  await runAll(engine);
  assert.equal(generation.text(), "fgh");
  assert.throws(
    () => submit(engine, { prompt: "abcde", maxTokens: 4 }),
    (error) => error instanceof ContextLengthError && error.numPromptTokens === 5,
  );
  assert.throws(() => submit(engine, { prompt: "abcdefgh" }), ContextLengthError);
});

Deno.test("ModelEngine.submit() refuses what cannot be run, and the next request works", async () => {
  const { engine } = createModel();
  const bad: Partial<GenerationRequest>[] = [
    {},
    { prompt: "" },
    { prompt: "a", messages: [{ role: "user", content: "a" }] },
    { prompt: "a", maxTokens: 0 },
    { prompt: "a", maxTokens: 1.5 },
    { prompt: "a", stop: ["1", "2", "3", "4", "5"] },
    { prompt: "a", stop: [""] },
    { prompt: "a", sampling: { temperature: -1 } },
    { prompt: "a", sampling: { topP: 0 } },
  ];
  for (const request of bad) {
    assert.throws(() => submit(engine, request), InvalidRequestError, JSON.stringify(request));
  }
  assert.equal(engine.stats().numWaiting, 0);
  const generation = submit(engine, { prompt: "a", maxTokens: 1 });
  await runAll(engine);
  assert.equal(generation.text(), "b");
});

Deno.test("ModelEngine.submit() refuses a prompt that is far too long before it counts tokens", () => {
  const text = Object.assign(createStubText(), { encodeText: () => assert.fail("counted") });
  const runner = new StubRunner();
  const settings = { sampling: {}, maxWaiting: 4, maxWaitMs: 60_000, defaultMaxTokens: 10 };
  const engine = new ModelEngine({ model: "letters", runner, text, ...settings });
  const prompt = "a".repeat(runner.limits.contextLength + 1);
  assert.throws(() => submit(engine, { prompt }), {
    code: "context_length_exceeded",
    message: /^The prompt has at least \d+ tokens/,
  });
});

Deno.test("ModelEngine.submit() refuses one more than the waiting list holds", () => {
  const { engine } = createModel({}, 2);
  submit(engine, { prompt: "a" });
  submit(engine, { prompt: "b" });
  assert.throws(() => submit(engine, { prompt: "c" }), QueueFullError);
});

Deno.test("ModelEngine.step() refuses what waited too long, and leaves alone what runs", async () => {
  const { engine } = createModel({ maxSequences: 1 }, 4, 20);
  const runs = submit(engine, { prompt: "abc", maxTokens: 3 });
  const waits = submit(engine, { prompt: "klm" });
  await engine.step();
  await new Promise((resolve) => setTimeout(resolve, 30));
  await runAll(engine);
  assert.equal(runs.text(), "def");
  assert.equal(waits.errors.length, 1);
  assert.equal((waits.errors[0] as { code: string }).code, "queue_timeout");
  assert.equal(engine.stats().numWaiting, 0);
});

Deno.test("ModelEngine.cancel() frees the blocks at once and leaves the others alone", async () => {
  const { engine } = createModel();
  const stays = submit(engine, { prompt: "abc", maxTokens: 6 });
  const leaves = submit(engine, { prompt: "klm", maxTokens: 6 });
  await engine.step();
  assert.equal(engine.stats().numFreeBlocks, 14);
  engine.cancel(leaves.id);
  engine.cancel(leaves.id);
  assert.equal(engine.stats().numFreeBlocks, 15);
  assert.equal(leaves.finish()!.reason, "cancelled");
  await runAll(engine);
  assert.equal(stays.text(), "defghi");
  assert.equal(leaves.text(), "n");
  assert.equal(engine.stats().numCancelledTotal, 1);
  assert.equal(engine.stats().numFreeBlocks, 16);
});

Deno.test("ModelEngine.step() drops the result of a sequence that left while it was computed", async () => {
  const ids: number[] = [];
  const { engine } = createModel({ onStep: () => ids.forEach((id) => engine.cancel(id)) });
  const generation = submit(engine, { prompt: "abc" });
  ids.push(generation.id);
  await runAll(engine);
  assert.equal(generation.text(), "");
  assert.equal(generation.finish()!.reason, "cancelled");
  assert.equal(engine.stats().numFreeBlocks, 16);
});

Deno.test("ModelEngine.step() reports the log-probability of each token with its alternatives", async () => {
  const { engine } = createModel();
  const generation = submit(engine, { prompt: "abc", maxTokens: 2, sampling: { logprobs: 2 } });
  await runAll(engine);
  const logprobs = generation.events.flatMap((event) =>
    event.type === "text" ? event.logprobs ?? [] : []
  );
  assert.deepEqual(logprobs.map(({ token, bytes }) => [token, bytes]), [["d", [100]], ["e", [
    101,
  ]]]);
  assert.equal(logprobs[0]!.alternatives.length, 2);
  assert.equal(logprobs[0]!.alternatives[0]!.token, "d");
  const expected = -Math.log(1 + 26 * Math.exp(-10));
  assert.ok(Math.abs(logprobs[0]!.logprob - expected) < 1e-6);
});

Deno.test("ModelEngine.step() fails only the sequence whose logits are not numbers", async () => {
  const { engine, runner } = createModel();
  const run = runner.run.bind(runner);
  runner.run = async (entries) => {
    const logits = await run(entries);
    logits.fill(NaN, 0, 27); // the first sequence's row
    return logits;
  };
  const broken = submit(engine, { prompt: "abc" });
  const fine = submit(engine, { prompt: "klm", maxTokens: 1 });
  await engine.step();
  assert.equal(broken.errors.length, 1);
  assert.equal(fine.text(), "n");
  assert.equal(engine.stats().numFreeBlocks, 16);
});

Deno.test("ModelEngine.failAll() ends every request with the error", () => {
  const { engine } = createModel();
  const first = submit(engine, { prompt: "a" });
  const second = submit(engine, { prompt: "b" });
  engine.failAll(new Error("lost"));
  assert.deepEqual([first.errors.length, second.errors.length], [1, 1]);
  assert.equal(engine.stats().numWaiting, 0);
});

/** A grammar session that answers when told to, and then allows only `token`. */
function createSlowSession(token: number) {
  let answer = Promise.withResolvers<{ mask: Int32Array; isComplete: boolean }>();
  let numAccepted = 0;
  const session: GrammarSession = {
    next: () => answer.promise,
    accept: () => {
      numAccepted++;
      answer = Promise.withResolvers();
    },
    check: () => Promise.resolve(null),
    close: () => {},
  };
  const release = () =>
    answer.resolve({ mask: Int32Array.of(1 << token), isComplete: numAccepted === 2 });
  const follower = new GrammarFollower(session, { eosTokenIds: new Set(), think: null });
  return { follower, release };
}

Deno.test("ModelEngine.step() lets a sequence sit out while its grammar thinks, and the others go on", async () => {
  const { engine } = createModel();
  const slow = createSlowSession(25);
  const constrained: GenerationEvent[] = [];
  const sink = { onEvent: (event: GenerationEvent) => constrained.push(event), onError() {} };
  engine.submit({ model: "letters", prompt: "abc" }, sink, slow.follower);
  const free = submit(engine, { prompt: "abc", maxTokens: 4 });
  while (free.finish() === null) await engine.step();
  assert.equal(free.text(), "defg");
  assert.equal(constrained.length, 0);
  for (let i = 0; i < 3; i++) {
    slow.release();
    assert.ok(await engine.step(), "what was published has to be sent");
    await engine.step();
  }
  const last = constrained.at(-1);
  assert.equal(last?.type === "finish" && last.reason, "stop");
  assert.equal(constrained.map((event) => event.type === "text" ? event.text : "").join(""), "zz");
  assert.equal(engine.stats().numFreeBlocks, 16);
});
