/** The embedded model in two stages, with two steps in flight, answers as on one device. */
import assert from "node:assert/strict";
import { PipelinedRunner, WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { Runner } from "../../engine/runtime/runner.ts";
import type { SpeculationMode } from "../../engine/scheduler/mod.ts";
import { loadTextModel } from "../../engine/text/mod.ts";
import type { GenerationRequest, SamplingParams } from "../../engine/types.ts";
import { readQuestions } from "../../tools/eval/questions.ts";
import { device } from "../support/gpu.ts";

const NUM_PROMPTS = 12;
const BATCH_SIZE = 6;
/** For about three answers at once. */
const NUM_FEW_BLOCKS = 14;
const SIZES = { maxSequences: BATCH_SIZE, contextLength: 256 };

const pkg = await openPackage("models/ollm-tiny");
const text = await loadTextModel(pkg);

async function readRequests(sampling: SamplingParams): Promise<Partial<GenerationRequest>[]> {
  const questions = (await readQuestions()).filter(({ tools }) => tools === undefined);
  return Array.from({ length: NUM_PROMPTS }, (_, i) => {
    const { messages } = questions[Math.floor(i * questions.length / NUM_PROMPTS)]!;
    return {
      messages: messages.map(({ role, content }) => ({ role, content })),
      maxTokens: 12 + 5 * (i % 4),
      ignoreEos: i % 2 === 0,
      sampling,
    };
  });
}

/** Most steps of a runner that were in flight at once. */
class CountingRunner implements Runner {
  readonly limits: Runner["limits"];
  maxInFlight = 0;
  readonly #runner: Runner;
  #numInFlight = 0;

  constructor(runner: Runner, numBlocks = runner.limits.numBlocks) {
    this.#runner = runner;
    this.limits = { ...runner.limits, numBlocks };
  }

  async run(entries: Parameters<Runner["run"]>[0]): Promise<Float32Array> {
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#numInFlight);
    try {
      return await this.#runner.run(entries);
    } finally {
      this.#numInFlight--;
    }
  }

  destroy(): void {}
}

async function answer(
  runner: Runner,
  requests: readonly Partial<GenerationRequest>[],
  { batchSize, speculation }: { batchSize: number; speculation: SpeculationMode },
) {
  const engine = new ModelEngine({
    model: "ollm-tiny",
    runner,
    text,
    sampling: {},
    maxWaiting: requests.length,
    defaultMaxTokens: 32,
    speculation,
  });
  const answers = requests.map(() => "");
  for (let first = 0; first < requests.length; first += batchSize) {
    for (const [i, request] of requests.slice(first, first + batchSize).entries()) {
      engine.submit({ model: "ollm-tiny", ...request }, {
        onEvent: (event) => {
          if (event.type === "text") answers[first + i] += event.text;
          if (event.type === "finish") answers[first + i] += ` [${event.usage.numOutputTokens}]`;
        },
        onError: (error) => {
          throw error;
        },
      });
    }
    while (await engine.step());
  }
  const stats = engine.stats();
  engine.close();
  assert.equal(stats.numFreeBlocks, stats.numBlocks);
  return { answers, stats };
}

const whole = await WgslRunner.load(device, pkg, SIZES);
const pipelined = await PipelinedRunner.load(device, pkg, SIZES);

for (const sampling of [{ temperature: 0 }, { temperature: 1, seed: 7 }]) {
  Deno.test(`ModelEngine on two stages answers ${NUM_PROMPTS} prompts as on one device each alone, at temperature ${sampling.temperature}`, async () => {
    const requests = await readRequests(sampling);
    const alone = await answer(whole, requests, { batchSize: 1, speculation: "off" });
    assert.ok(new Set(alone.answers).size > NUM_PROMPTS / 2, "the prompts do not matter");
    for (const speculation of ["off", "always"] as const) {
      const runner = new CountingRunner(pipelined);
      const batch = await answer(runner, requests, { batchSize: BATCH_SIZE, speculation });
      assert.deepEqual(batch.answers, alone.answers, `drafts ${speculation}`);
      assert.equal(runner.maxInFlight, 2);
    }
  });
}

Deno.test("ModelEngine on two stages answers as on one device where blocks are few and sequences are preempted", async () => {
  // Long enough that those who are admitted together outgrow the blocks, whoever is faster.
  const requests = (await readRequests({ temperature: 0 }))
    .map((request) => ({ ...request, maxTokens: 64, ignoreEos: true }));
  const alone = await answer(whole, requests, { batchSize: 1, speculation: "off" });
  const runner = new CountingRunner(pipelined, NUM_FEW_BLOCKS);
  const batch = await answer(runner, requests, { batchSize: NUM_PROMPTS, speculation: "off" });
  assert.deepEqual(batch.answers, alone.answers);
  assert.equal(runner.maxInFlight, 2);
  assert.ok(batch.stats.numPreemptionsTotal > 0);
});

Deno.test("ModelEngine on two stages runs one step at a time for one request", async () => {
  const [request] = await readRequests({ temperature: 0 });
  const runner = new CountingRunner(pipelined);
  await answer(runner, [request!], { batchSize: 1, speculation: "off" });
  assert.equal(runner.maxInFlight, 1);
});
