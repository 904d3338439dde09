/** Drafts in the engine's loop: what is said must not depend on them. */
import assert from "node:assert/strict";
import type { ModelEngine } from "../../../engine/runtime/model_engine.ts";
import type { SpeculationMode } from "../../../engine/scheduler/mod.ts";
import type { GenerationEvent, GenerationRequest, SamplingParams } from "../../../engine/types.ts";
import type { PagedRunnerOptions } from "../../support/paged_runner.ts";
import { createRandom } from "../../support/random.ts";
import { createPagedModel, runAll, withoutTimes } from "../../support/model_engine.ts";

function createModel(speculation: SpeculationMode, options: PagedRunnerOptions = {}) {
  return createPagedModel(options, { speculation, defaultMaxTokens: 60 });
}

/** Submits and collects. */
function submit(engine: ModelEngine, request: Partial<GenerationRequest>) {
  const events: GenerationEvent[] = [];
  const { id } = engine.submit({ model: "letters", ...request }, {
    onEvent: (event) => events.push(event),
    onError: (error) => {
      throw error;
    },
  });
  const text = () => events.map((event) => event.type === "text" ? event.text : "").join("");
  return { id, events, text };
}

/** Asks everything in groups. */
async function answer(
  speculation: SpeculationMode,
  requests: readonly Partial<GenerationRequest>[],
  { batchSize, ...options }: PagedRunnerOptions & { batchSize: number },
) {
  const { engine } = createModel(speculation, options);
  const answers: unknown[] = [];
  for (let first = 0; first < requests.length; first += batchSize) {
    const some = requests.slice(first, first + batchSize).map((request) => submit(engine, request));
    await runAll(engine);
    answers.push(...some.map(({ events }) => withoutTimes(events)));
  }
  const { numFreeBlocks, numBlocks } = engine.stats();
  assert.equal(numFreeBlocks, numBlocks);
  return { answers, stats: engine.stats() };
}

/** Prompts of 1 to 40 letters, half of which repeat themselves. */
function createPrompts(count: number): string[] {
  const random = createRandom(11);
  const letter = () => String.fromCharCode(97 + Math.floor(26 * random()));
  return Array.from({ length: count }, (_, i) => {
    const some = Array.from({ length: 1 + Math.floor(19 * random()) }, letter).join("");
    return i % 2 === 0 ? some : some + some;
  });
}

const SAMPLINGS: Record<string, SamplingParams> = {
  "greedy": { temperature: 0 },
  "a seed": { temperature: 1, seed: 5 },
  "a seed, penalties and log-probabilities": {
    temperature: 0.7,
    seed: 8,
    topP: 0.9,
    repetitionPenalty: 1.1,
    presencePenalty: 0.3,
    frequencyPenalty: 0.1,
    logprobs: 3,
  },
};

for (const [name, sampling] of Object.entries(SAMPLINGS)) {
  Deno.test(`ModelEngine.step() with ${name} says the same with drafts and without, alone and in batches`, async () => {
    const requests = createPrompts(40).map((prompt, i) => ({
      prompt,
      sampling,
      maxTokens: 20 + i,
      ignoreEos: i % 3 === 0,
      stop: i % 4 === 0 ? ["aaa", "dcb", "xyz"] : [],
    }));
    const { answers } = await answer("off", requests, { batchSize: 1 });
    for (const batchSize of [1, 4]) {
      for (const mode of ["always", "auto"] as const) {
        const drafted = await answer(mode, requests, { batchSize });
        assert.deepEqual(drafted.answers, answers, `${mode}, ${batchSize} at once`);
        if (mode !== "always") continue;
        const { numDraftedTokensTotal: numDrafted, numAcceptedTokensTotal: numAccepted } =
          drafted.stats;
        assert.ok(numAccepted > 50 && numAccepted < numDrafted, `${numAccepted} of ${numDrafted}`);
      }
    }
  });
}

Deno.test("ModelEngine.step() says the same with drafts where blocks are few and sequences are preempted", async () => {
  const requests = createPrompts(24).map((prompt) => ({ prompt, maxTokens: 40 }));
  const sizes = { batchSize: 4, contextLength: 80, numBlocks: 28 };
  const plain = await answer("off", requests, sizes);
  const drafted = await answer("always", requests, sizes);
  assert.deepEqual(drafted.answers, plain.answers);
  assert.ok(drafted.stats.numPreemptionsTotal > 0);
  assert.ok(drafted.stats.numAcceptedTokensTotal > 0);
});

Deno.test("ModelEngine.step() shares blocks of accepted drafts, and none that hold rejected ones", async () => {
  const sampling = { temperature: 0.7, seed: 3 };
  const [prompt] = createPrompts(1);
  const { engine } = createModel("always");
  const first = submit(engine, { prompt: prompt!, sampling, maxTokens: 80 });
  await runAll(engine);
  assert.ok(engine.stats().numAcceptedTokensTotal > 0);
  // What was said is now the prompt: its blocks are in the cache, and must be right.
  const longer = { prompt: prompt + first.text(), maxTokens: 30 };
  const cached = submit(engine, longer);
  await runAll(engine);
  const { engine: other } = createModel("off");
  const computed = submit(other, longer);
  await runAll(other);
  assert.equal(cached.text(), computed.text());
  const last = cached.events.at(-1)!;
  assert.ok(last.type === "finish" && last.usage.numCachedTokens > 60);
});

Deno.test("ModelEngine.step() counts the tokens that were taken, not those that were drafted", async () => {
  const { engine } = createModel("always");
  const { events } = submit(engine, { prompt: "abab", maxTokens: 33 });
  await runAll(engine);
  const last = events.at(-1)!;
  assert.ok(last.type === "finish" && last.reason === "length");
  assert.equal(last.usage.numOutputTokens, 33);
  assert.equal(engine.stats().numGeneratedTokensTotal, 33);
  assert.ok(engine.stats().numStepsTotal < 33);
});

Deno.test("ModelEngine.step() drops the drafts behind a stop sequence", async () => {
  const { engine: plain } = createModel("off");
  const all = submit(plain, { prompt: "abab", maxTokens: 60 });
  await runAll(plain);
  const stop = all.text().slice(40, 43); // in the middle of what repeats
  const expected = all.text().slice(0, all.text().indexOf(stop));
  const { engine } = createModel("always");
  const { text, events } = submit(engine, { prompt: "abab", maxTokens: 60, stop: [stop] });
  await runAll(engine);
  assert.equal(text(), expected);
  const last = events.at(-1)!;
  assert.ok(last.type === "finish" && last.stopSequence === stop);
  assert.equal(last.usage.numOutputTokens, expected.length + stop.length);
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine.cancel() while a step with drafts runs says nothing more and frees its blocks", async () => {
  let id = -1;
  const { engine, runner } = createModel("always", {
    onStep: ([entry]) => {
      if (entry!.numLogits > 4) queueMicrotask(() => engine.cancel(id));
    },
  });
  const generation = submit(engine, { prompt: "abab" });
  id = generation.id;
  await runAll(engine);
  const last = generation.events.at(-1)!;
  assert.ok(last.type === "finish" && last.reason === "cancelled");
  assert.ok(runner.steps.at(-1)![0]!.numLogits > 4);
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine.cancel() between two accepted drafts takes no more of them", async () => {
  const { engine } = createModel("always");
  const events: GenerationEvent[] = [];
  let numBefore = 0;
  let numAtCancel = 0;
  const { id } = engine.submit({ model: "letters", prompt: "abab" }, {
    onEvent: (event) => {
      events.push(event);
      if (numAtCancel > 0 || numBefore < 20 || events.length < numBefore + 2) return;
      numAtCancel = events.length;
      engine.cancel(id);
    },
    onError: (error) => assert.fail(String(error)),
  });
  while (await engine.step()) numBefore = events.length;
  const last = events.at(-1)!;
  assert.ok(last.type === "finish" && last.reason === "cancelled");
  assert.ok(numAtCancel > 0);
  assert.equal(events.length, numAtCancel + 1);
  assert.equal(engine.stats().numFreeBlocks, engine.stats().numBlocks);
});

Deno.test("ModelEngine drafts nothing on a runner that cannot take tokens back", async () => {
  const { engine, runner } = createModel("always", { canRewind: false });
  submit(engine, { prompt: "abab", maxTokens: 30 });
  await runAll(engine);
  assert.ok(runner.steps.slice(1).every(([entry]) => entry!.tokens.length === 1));
  assert.equal(engine.stats().numDraftedTokensTotal, 0);
});
