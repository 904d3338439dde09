/** The embedded model says the same where blocks are few and sequences are preempted. */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { Runner } from "../../engine/runtime/runner.ts";
import { loadTextModel } from "../../engine/text/mod.ts";
import type { GenerationRequest } from "../../engine/types.ts";
import { readQuestions } from "../../tools/eval/questions.ts";
import { device } from "../support/gpu.ts";

const NUM_PROMPTS = 12;
/** For about three answers at once. */
const NUM_FEW_BLOCKS = 14;
/** Long enough that those who are admitted together outgrow the blocks. */
const MAX_TOKENS = 64;

const pkg = await openPackage("models/ollm-tiny");
const text = await loadTextModel(pkg);

async function readRequests(): Promise<GenerationRequest[]> {
  const questions = (await readQuestions()).filter(({ tools }) => tools === undefined);
  return Array.from({ length: NUM_PROMPTS }, (_, i) => {
    const { messages } = questions[Math.floor(i * questions.length / NUM_PROMPTS)]!;
    return {
      model: "ollm-tiny",
      messages: messages.map(({ role, content }) => ({ role, content })),
      maxTokens: MAX_TOKENS,
      ignoreEos: true,
    };
  });
}

async function answer(runner: Runner, requests: readonly GenerationRequest[], batchSize: number) {
  const engine = new ModelEngine({
    model: "ollm-tiny",
    runner,
    text,
    sampling: {},
    maxWaiting: requests.length,
    defaultMaxTokens: MAX_TOKENS,
  });
  const answers = requests.map(() => "");
  for (let first = 0; first < requests.length; first += batchSize) {
    for (const [i, request] of requests.slice(first, first + batchSize).entries()) {
      engine.submit(request, {
        onEvent: (event) => {
          if (event.type === "text") answers[first + i] += event.text;
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
  return { answers, numPreemptions: stats.numPreemptionsTotal };
}

/** The same model, of whose blocks only some may be used. */
function withFewBlocks(runner: WgslRunner): Runner {
  return {
    limits: { ...runner.limits, numBlocks: NUM_FEW_BLOCKS },
    run: (entries) => runner.run(entries),
    runGreedy: (entries, run) => runner.runGreedy(entries, run),
    destroy: () => {},
  };
}

Deno.test(`ModelEngine answers ${NUM_PROMPTS} prompts as each alone where sequences are preempted`, async () => {
  const runner = await WgslRunner.load(device, pkg, { maxSequences: 6, contextLength: 256 });
  const requests = await readRequests();
  const alone = await answer(runner, requests, 1);
  assert.equal(alone.numPreemptions, 0);
  assert.ok(new Set(alone.answers).size > NUM_PROMPTS / 2, "the prompts do not matter");
  const batch = await answer(withFewBlocks(runner), requests, NUM_PROMPTS);
  assert.deepEqual(batch.answers, alone.answers);
  assert.ok(batch.numPreemptions > 0);
  runner.destroy();
});
