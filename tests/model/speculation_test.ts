/**
 * The embedded model says the same with drafted tokens and without. All of it:
 *
 *     deno test -A tests/model/speculation_test.ts -- 100
 *
 * @module
 */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { SpeculationMode } from "../../engine/scheduler/mod.ts";
import { loadTextModel } from "../../engine/text/mod.ts";
import type { GenerationRequest, SamplingParams } from "../../engine/types.ts";
import { readQuestions } from "../../tools/eval/questions.ts";
import { device } from "../support/gpu.ts";

const NUM_PROMPTS = Number(Deno.args[0] ?? 20);

const pkg = await openPackage("models/ollm-tiny");
const text = await loadTextModel(pkg);

/** Questions whose answers end by themselves, and every third with one that goes on, and soon repeats itself. */
async function readRequests(): Promise<Omit<GenerationRequest, "model">[]> {
  const questions = (await readQuestions()).filter(({ tools }) => tools === undefined);
  assert.ok(NUM_PROMPTS <= questions.length, `There are ${questions.length} questions`);
  return Array.from({ length: NUM_PROMPTS }, (_, i) => {
    const { messages } = questions[Math.floor(i * questions.length / NUM_PROMPTS)]!;
    const said = messages.map(({ role, content }) => ({ role, content }));
    if (i % 3 !== 0) return { messages: said, maxTokens: 32 };
    const last = said.at(-1)!;
    const content = `Repeat this text: ${last.content} ${last.content}`;
    return {
      messages: [...said.slice(0, -1), { ...last, content }],
      maxTokens: 48,
      ignoreEos: true,
    };
  });
}

async function answer(
  runner: WgslRunner,
  requests: readonly Omit<GenerationRequest, "model">[],
  { speculation, sampling, batchSize }: {
    speculation: SpeculationMode;
    sampling: SamplingParams;
    batchSize: number;
  },
) {
  const engine = new ModelEngine({
    model: "ollm-tiny",
    runner,
    text,
    sampling: {},
    maxWaiting: batchSize,
    defaultMaxTokens: 32,
    speculation,
  });
  const answers = requests.map(() => "");
  for (let first = 0; first < requests.length; first += batchSize) {
    for (let i = first; i < Math.min(requests.length, first + batchSize); i++) {
      engine.submit({ model: "ollm-tiny", ...requests[i]!, sampling }, {
        onEvent: (event) => {
          if (event.type === "text") answers[i] += event.text;
          if (event.type === "finish") answers[i] += ` [${event.usage.numOutputTokens}]`;
        },
        onError: (error) => {
          throw error;
        },
      });
    }
    while (await engine.step());
  }
  engine.close();
  return { answers, stats: engine.stats() };
}

for (const sampling of [{ temperature: 0 }, { temperature: 1, seed: 7 }]) {
  Deno.test(`ModelEngine answers ${NUM_PROMPTS} prompts alike with drafts and without at temperature ${sampling.temperature}, alone and in batches`, async () => {
    const runner = await WgslRunner.load(device, pkg, { contextLength: 512, maxSequences: 4 });
    const requests = await readRequests();
    const plain = await answer(runner, requests, { speculation: "off", sampling, batchSize: 1 });
    assert.equal(plain.stats.numDraftedTokensTotal, 0);
    assert.ok(new Set(plain.answers).size > NUM_PROMPTS / 2, "the prompts do not matter");
    for (const speculation of ["off", "always", "auto"] as const) {
      for (const batchSize of [1, 4]) {
        const same = await answer(runner, requests, { speculation, sampling, batchSize });
        assert.deepEqual(same.answers, plain.answers, `${speculation}, ${batchSize} at once`);
        const { numDraftedTokensTotal: numDrafted, numAcceptedTokensTotal: numAccepted } =
          same.stats;
        if (speculation !== "always") continue;
        // Right and wrong drafts both.
        assert.ok(numAccepted > 0 && numAccepted < numDrafted, `${numAccepted} of ${numDrafted}`);
      }
    }
    runner.destroy();
  });
}
