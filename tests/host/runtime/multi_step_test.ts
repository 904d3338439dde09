/** Steps that run together in the engine's loop: what is said, counted and kept must not depend on them. */
import assert from "node:assert/strict";
import { ModelEngine } from "../../../engine/runtime/model_engine.ts";
import type { SpeculationMode } from "../../../engine/scheduler/mod.ts";
import type { GenerationEvent, GenerationRequest, SamplingParams } from "../../../engine/types.ts";
import { PagedRunner, type PagedRunnerOptions } from "../../support/paged_runner.ts";
import { createRandom } from "../../support/random.ts";
import { createStubText } from "../../support/stub_runner.ts";
import { runAll, withoutTimes } from "../../support/model_engine.ts";

/** Blocks of the usual size: runs end where one is full. */
const SIZES = { blockSize: 16, numBlocks: 64 };

interface ModelOptions extends PagedRunnerOptions {
  speculation?: SpeculationMode;
  /** Letters that end the text. @default none */
  eosTokenIds?: number[];
}

function createModel(options: ModelOptions = {}) {
  const { speculation = "off", eosTokenIds = [], ...rest } = options;
  const runner = new PagedRunner({ canChoose: true, ...SIZES, ...rest });
  const engine = new ModelEngine({
    model: "letters",
    runner,
    text: { ...createStubText(), eosTokenIds: new Set(eosTokenIds) },
    sampling: {},
    maxWaiting: 200,
    defaultMaxTokens: 60,
    speculation,
  });
  return { engine, runner };
}

/** Submits and collects. */
function submit(engine: ModelEngine, request: Partial<GenerationRequest>) {
  const events: GenerationEvent[] = [];
  const errors: unknown[] = [];
  const { id } = engine.submit({ model: "letters", ...request }, {
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
  });
  const text = () => events.map((event) => event.type === "text" ? event.text : "").join("");
  const finish = () => {
    const last = events.at(-1);
    assert.ok(last?.type === "finish", `no end but ${JSON.stringify(last)}, ${errors}`);
    return last;
  };
  return { id, events, errors, text, finish };
}

function hasRunTogether({ greedyRuns }: PagedRunner): boolean {
  return greedyRuns.some((count) => count > 1);
}

/** Asks everything in groups. */
async function answer(
  requests: readonly Partial<GenerationRequest>[],
  { batchSize, ...options }: ModelOptions & { batchSize: number },
) {
  const { engine, runner } = createModel(options);
  const answers: unknown[] = [];
  for (let first = 0; first < requests.length; first += batchSize) {
    const some = requests.slice(first, first + batchSize).map((request) => submit(engine, request));
    await runAll(engine);
    answers.push(...some.map(({ events }) => withoutTimes(events)));
  }
  const stats = engine.stats();
  assert.equal(stats.numFreeBlocks, stats.numBlocks);
  return { answers, stats, runs: runner.greedyRuns };
}

/** Prompts of 1 to 60 letters, many of which begin alike. */
function createPrompts(count: number): string[] {
  const random = createRandom(11);
  const letters = (length: number) =>
    Array.from({ length }, () => String.fromCharCode(97 + Math.floor(26 * random()))).join("");
  const begin = letters(35);
  return Array.from(
    { length: count },
    (_, i) => (i % 3 === 0 ? begin : "") + letters(1 + Math.floor(25 * random())),
  );
}

/** Requests that end in every way. */
function createRequests(count: number): Partial<GenerationRequest>[] {
  return createPrompts(count).map((prompt, i) => ({
    prompt,
    sampling: i % 5 === 0 ? { temperature: 1, topK: 1 } : { temperature: 0 },
    maxTokens: 1 + i,
    ignoreEos: i % 3 === 0,
    stop: i % 4 === 0 ? ["aaa", "dcb", "xyz"] : [],
  }));
}

Deno.test("ModelEngine.step() says, counts and caches the same where steps run together, alone and in batches", async () => {
  const requests = createRequests(60);
  for (const speculation of ["off", "auto", "always"] as const) {
    for (const batchSize of [1, 3, 4]) {
      // A small pool, so that blocks are found again and overwritten; drafts overwrite some that no token comes to need.
      const numBlocks = speculation === "off" ? 36 : 1024;
      const options = { speculation, batchSize, eosTokenIds: [7, 9, 20], numBlocks };
      const plain = await answer(requests, { ...options, canChoose: false });
      const together = await answer(requests, options);
      const what = `${speculation}, ${batchSize} at once`;
      assert.deepEqual(together.answers, plain.answers, what);
      assert.equal(plain.runs.length, 0);
      assert.ok(together.runs.some((count) => count > 1), what);
      const { numGeneratedTokensTotal, numPreemptionsTotal } = plain.stats;
      assert.equal(together.stats.numGeneratedTokensTotal, numGeneratedTokensTotal);
      assert.equal(together.stats.numPreemptionsTotal, numPreemptionsTotal);
    }
  }
});

Deno.test("ModelEngine.step() says the same where steps run together, blocks are few and sequences are preempted", async () => {
  const requests = createPrompts(24).map((prompt) => ({ prompt, maxTokens: 40 }));
  const sizes = { batchSize: 4, contextLength: 112, numBlocks: 12 };
  const plain = await answer(requests, { ...sizes, canChoose: false });
  const together = await answer(requests, sizes);
  assert.deepEqual(together.answers, plain.answers);
  assert.ok(plain.stats.numPreemptionsTotal > 0);
  assert.equal(together.stats.numPreemptionsTotal, plain.stats.numPreemptionsTotal);
});

Deno.test("ModelEngine.step() drops the tokens behind a stop sequence, an end of text and the bound in the middle of a run", async () => {
  const { engine: plain } = createModel({ canChoose: false });
  const all = submit(plain, { prompt: "ab", maxTokens: 60 });
  await runAll(plain);
  const said = all.text();
  const stop = said.slice(40, 43);
  const eos = said.charCodeAt(30) - 97;
  const cases = [
    { stop: [stop], maxTokens: 60, length: said.indexOf(stop), numTokens: said.indexOf(stop) + 3 },
    { stop: [], maxTokens: 21, length: 21, numTokens: 21 },
  ];
  for (const { length, numTokens, ...request } of cases) {
    const { engine, runner } = createModel();
    const { text, finish } = submit(engine, { prompt: "ab", ...request });
    await runAll(engine);
    assert.equal(text(), said.slice(0, length));
    assert.equal(finish().usage.numOutputTokens, numTokens);
    assert.ok(hasRunTogether(runner));
  }
  const { engine } = createModel({ eosTokenIds: [eos] });
  const { text, finish } = submit(engine, { prompt: "ab", maxTokens: 60 });
  await runAll(engine);
  const end = said.indexOf(said[30]!);
  assert.equal(text(), said.slice(0, end));
  assert.equal(finish().reason, "stop");
  assert.equal(finish().usage.numOutputTokens, end + 1);
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine.step() shares no block that holds tokens which were dropped", async () => {
  const prompt = "abcdefghij";
  const { engine: plain } = createModel({ canChoose: false });
  const all = submit(plain, { prompt, maxTokens: 60 });
  await runAll(plain);
  const { engine, runner } = createModel();
  // Ends in the second block: what its run made behind the stop sequence lies in the same block.
  const stop = all.text().slice(17, 21);
  const first = submit(engine, { prompt, maxTokens: 60, stop: [stop] });
  await runAll(engine);
  const end = prompt.length + first.finish().usage.numOutputTokens;
  assert.ok(end < 32 && runner.steps.at(-1)![0]!.firstPosition >= end, "nothing was dropped");
  for (const tail of ["", "zz", "zzzzzzzzzzzzzzzzzzzz"]) {
    const longer = { prompt: prompt + all.text() + tail, maxTokens: 20 };
    const cached = submit(engine, longer);
    const { engine: other } = createModel({ canChoose: false });
    const computed = submit(other, longer);
    await runAll(engine);
    await runAll(other);
    assert.equal(cached.text(), computed.text());
    if (tail === "") assert.equal(cached.finish().usage.numCachedTokens, 16);
  }
});

Deno.test("ModelEngine.step() needs the host for what only it can do", async () => {
  const samplings: SamplingParams[] = [
    { temperature: 0.5 },
    { temperature: 1, topK: 2, seed: 1 },
    { logprobs: 0 },
    { logitBias: { 3: 1 } },
    { repetitionPenalty: 1.1 },
    { presencePenalty: 0.1 },
    { frequencyPenalty: -0.1 },
  ];
  for (const sampling of samplings) {
    const { engine, runner } = createModel();
    const greedy = submit(engine, { prompt: "abc", maxTokens: 40 });
    submit(engine, { prompt: "abc", sampling, maxTokens: 20 });
    let numBefore = -1;
    while (await engine.step()) {
      if (engine.stats().numRunning === 2) numBefore = runner.greedyRuns.length;
    }
    assert.equal(numBefore, 0, JSON.stringify(sampling));
    assert.ok(hasRunTogether(runner), "the other one went on alone");
    assert.equal(greedy.finish().usage.numOutputTokens, 40);
  }
});

Deno.test("ModelEngine.step() ends a generation with the host's error where the runner can choose no token, and goes on with the others", async () => {
  for (const canChoose of [false, true]) {
    for (const isAlone of [true, false]) {
      const { engine, runner } = createModel({ canChoose, isBroken: (length) => length === 30 });
      const broken = submit(engine, { prompt: "abcdef", maxTokens: 60 });
      const prompt = "abcdefghijklmnopqrstuvwxyzabcdefgh";
      const sound = isAlone ? null : submit(engine, { prompt, maxTokens: 40 });
      await runAll(engine);
      assert.match(String(broken.errors), /logits that cannot be sampled: the largest is NaN/);
      assert.equal(broken.text().length, 24);
      if (sound) assert.equal(sound.finish().usage.numOutputTokens, 40);
      assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
      assert.equal(hasRunTogether(runner), canChoose);
    }
  }
});

Deno.test("ModelEngine.cancel() while steps run together says nothing more and frees the blocks", async () => {
  let id = -1;
  const { engine, runner } = createModel({
    onStep: () => {
      if (runner.greedyRuns.length === 1) queueMicrotask(() => engine.cancel(id));
    },
  });
  const generation = submit(engine, { prompt: "ab", maxTokens: 60 });
  const other = submit(engine, { prompt: "cd", maxTokens: 60 });
  id = generation.id;
  await runAll(engine);
  assert.equal(generation.finish().reason, "cancelled");
  // The first token, and that of the run before.
  assert.equal(generation.finish().usage.numOutputTokens, 2);
  assert.ok(runner.greedyRuns[1]! > 1);
  assert.equal(other.finish().usage.numOutputTokens, 60);
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine.cancel() between two tokens of a run takes no more of them", async () => {
  const { engine, runner } = createModel();
  const events: GenerationEvent[] = [];
  const { id } = engine.submit({ model: "letters", prompt: "ab", maxTokens: 60 }, {
    onEvent: (event) => {
      events.push(event);
      if (events.length === 20) engine.cancel(id);
    },
    onError: (error) => assert.fail(String(error)),
  });
  await runAll(engine);
  assert.equal(events.length, 21);
  const last = events.at(-1)!;
  assert.ok(last.type === "finish" && last.reason === "cancelled");
  assert.ok(hasRunTogether(runner));
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine.step() admits a request at the next step, and gives its first token before steps run together again", async () => {
  const { engine, runner } = createModel();
  const running = submit(engine, { prompt: "ab", maxTokens: 100 });
  for (let i = 0; i < 5; i++) await engine.step();
  const numRuns = runner.greedyRuns.length;
  const joining = submit(engine, { prompt: "c".repeat(40), maxTokens: 30 });
  while (joining.events.length === 0) await engine.step();
  assert.equal(runner.greedyRuns.length, numRuns);
  await runAll(engine);
  assert.ok(runner.greedyRuns.length > numRuns);
  const { engine: plain } = createModel({ canChoose: false });
  const same = [{ prompt: "ab", maxTokens: 100 }, { prompt: "c".repeat(40), maxTokens: 30 }]
    .map((request) => submit(plain, request));
  await runAll(plain);
  assert.deepEqual([running.text(), joining.text()], same.map(({ text }) => text()));
});

Deno.test("ModelEngine.step() runs one step at a time while a request waits for a place", async () => {
  const { engine, runner } = createModel({ maxSequences: 1 });
  submit(engine, { prompt: "ab", maxTokens: 40 });
  const waiting = submit(engine, { prompt: "cd", maxTokens: 40 });
  while (waiting.events.length === 0) await engine.step();
  assert.deepEqual(new Set(runner.greedyRuns), new Set([1]));
  await runAll(engine);
  assert.ok(hasRunTogether(runner));
});

Deno.test("ModelEngine.step() leaves drafts their turn", async () => {
  const { engine, runner } = createModel({ speculation: "always" });
  submit(engine, { prompt: "abab", maxTokens: 200 });
  await runAll(engine);
  const { numAcceptedTokensTotal } = engine.stats();
  assert.ok(numAcceptedTokensTotal > 20, `${numAcceptedTokensTotal} drafts were right`);
  assert.ok(runner.greedyRuns.length > 0);
});
