/** Sequences that share steps: what one says must not depend on the others. */
import assert from "node:assert/strict";
import type { ModelEngine } from "../../../engine/runtime/model_engine.ts";
import { StepLoop } from "../../../engine/runtime/step_loop.ts";
import type { SpeculationMode } from "../../../engine/scheduler/mod.ts";
import type { GenerationEvent, GenerationRequest } from "../../../engine/types.ts";
import type { PagedRunnerOptions } from "../../support/paged_runner.ts";
import { createRandom } from "../../support/random.ts";
import { createPagedModel, runAll } from "../../support/model_engine.ts";

function createModel(options: PagedRunnerOptions = {}, speculation: SpeculationMode = "off") {
  return createPagedModel(options, { speculation, defaultMaxTokens: 40 });
}

/** Submits and collects. */
function submit(engine: ModelEngine, request: Partial<GenerationRequest>) {
  const events: GenerationEvent[] = [];
  const errors: unknown[] = [];
  const { id } = engine.submit(
    { model: "letters", ...request },
    { onEvent: (event) => events.push(event), onError: (error) => errors.push(error) },
  );
  const text = () => events.map((event) => event.type === "text" ? event.text : "").join("");
  const reason = () => {
    const last = events.at(-1);
    return last?.type === "finish" ? last.reason : null;
  };
  return { id, text, reason, errors };
}

async function answerAlone(request: Partial<GenerationRequest>): Promise<string> {
  const { engine } = createModel();
  const { text } = submit(engine, request);
  await runAll(engine);
  return text();
}

function createRequests(count: number): Partial<GenerationRequest>[] {
  const random = createRandom(3);
  const letter = () => String.fromCharCode(97 + Math.floor(26 * random()));
  return Array.from({ length: count }, (_, i) => ({
    prompt: Array.from({ length: 1 + Math.floor(30 * random()) }, letter).join(""),
    maxTokens: 10 + i % 17,
  }));
}

function assertAllFree(engine: ModelEngine): void {
  const { numFreeBlocks, numBlocks, numRunning, numWaiting } = engine.stats();
  assert.deepEqual([numFreeBlocks, numRunning, numWaiting], [numBlocks, 0, 0]);
}

for (const speculation of ["off", "always"] as const) {
  Deno.test(`ModelEngine.step() with drafts ${speculation} says what each request gets alone, though blocks are few`, async () => {
    const requests = createRequests(40);
    const sizes = { maxSequences: 5, contextLength: 64, numBlocks: 24 };
    const { engine } = createModel(sizes, speculation);
    const answers = requests.map((request) => submit(engine, request));
    await runAll(engine);
    assert.ok(engine.stats().numPreemptionsTotal > 0);
    for (const [i, request] of requests.entries()) {
      assert.equal(answers[i]!.text(), await answerAlone(request), `request ${i}`);
    }
    assertAllFree(engine);
  });
}

Deno.test("ModelEngine.cancel() while a step runs frees the blocks at once, and others may have them", async () => {
  const requests = createRequests(60);
  const random = createRandom(5);
  const open: ReturnType<typeof submit>[] = [];
  const { engine } = createModel({
    maxSequences: 5,
    contextLength: 64,
    numBlocks: 24,
    onStep: (entries) => {
      // One of this step, or any that was asked for.
      if (random() > 0.1) return;
      const place = Math.floor(random() * (entries.length + 1));
      const id = entries[place]?.sequence ?? open[Math.floor(random() * open.length)]!.id;
      const { numFreeBlocks } = engine.stats();
      engine.cancel(id);
      assert.ok(engine.stats().numFreeBlocks >= numFreeBlocks);
    },
  });
  for (const request of requests) open.push(submit(engine, request));
  await runAll(engine);
  const cancelled = open.filter(({ reason }) => reason() === "cancelled");
  assert.ok(cancelled.length > 10 && cancelled.length < 50, `${cancelled.length}`);
  for (const [i, { text, reason }] of open.entries()) {
    const whole = await answerAlone(requests[i]!);
    if (reason() === "cancelled") assert.ok(whole.startsWith(text()), `request ${i}`);
    else assert.equal(text(), whole, `request ${i}`);
  }
  assertAllFree(engine);
});

Deno.test("ModelEngine.submit() while a step runs is served with the next one", async () => {
  const late: ReturnType<typeof submit>[] = [];
  const requests = createRequests(8);
  const { engine } = createModel({
    onStep: () => {
      if (late.length < 4) late.push(submit(engine, requests[4 + late.length]!));
    },
  });
  const early = requests.slice(0, 4).map((request) => submit(engine, request));
  await runAll(engine);
  for (const [i, { text }] of [...early, ...late].entries()) {
    assert.equal(text(), await answerAlone(requests[i]!));
  }
  assertAllFree(engine);
});

Deno.test("ModelEngine.step() fails once when the runner does, and all hear of it", async () => {
  let numSteps = 0;
  const { engine } = createModel({
    onStep: () => {
      if (++numSteps > 6) throw new Error("no device");
    },
  });
  const errors: unknown[] = [];
  const loop = new StepLoop({
    step: () => engine.step(),
    rest: () => Promise.resolve(),
    onError: (error) => {
      errors.push(error);
      engine.failAll(error);
    },
  });
  const generations = ["abc", "kl", "x"].map((prompt) => submit(engine, { prompt }));
  await loop.wake();
  await new Promise((resolve) => setTimeout(resolve, 5)); // a rejection that nobody took would show
  assert.deepEqual(errors.map(String), ["Error: no device"]);
  for (const { errors } of generations) assert.deepEqual(errors.map(String), ["Error: no device"]);
  assertAllFree(engine);
});
