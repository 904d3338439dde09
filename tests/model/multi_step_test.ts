/**
 * The embedded model says the same where tokens are chosen on the device, several steps for one readback. All of it:
 *
 *     deno test -A tests/model/multi_step_test.ts -- 200
 *
 * @module
 */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { type AdapterKind, GpuDevice } from "../../engine/gpu/mod.ts";
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { Runner } from "../../engine/runtime/runner.ts";
import { loadTextModel } from "../../engine/text/mod.ts";
import type { GenerationRequest } from "../../engine/types.ts";
import { readQuestions } from "../../tools/eval/questions.ts";

const NUM_PROMPTS = Number(Deno.args[0] ?? 20);
const BATCH_SIZE = 4;

const pkg = await openPackage("models/ollm-tiny");
const text = await loadTextModel(pkg);

/** Answers that end by themselves, by a bound, and at stop sequences. */
async function readRequests(): Promise<Omit<GenerationRequest, "model">[]> {
  const questions = (await readQuestions()).filter(({ tools }) => tools === undefined);
  assert.ok(NUM_PROMPTS <= questions.length, `There are ${questions.length} questions`);
  return Array.from({ length: NUM_PROMPTS }, (_, i) => {
    const { messages } = questions[Math.floor(i * questions.length / NUM_PROMPTS)]!;
    return {
      messages: messages.map(({ role, content }) => ({ role, content })),
      maxTokens: i % 4 === 0 ? 7 + i % 11 : 48,
      ignoreEos: i % 5 === 0,
      stop: i % 3 === 0 ? ["e t", ". "] : [],
    };
  });
}

/** A runner on the set that suits `kind`, whatever this machine's adapter is. */
async function loadRunner(kind: AdapterKind): Promise<WgslRunner> {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind } });
  return await WgslRunner.load(device, pkg, { contextLength: 512, maxSequences: BATCH_SIZE });
}

/** The same without steps that choose tokens. */
function onHost(runner: WgslRunner): Runner {
  return {
    limits: runner.limits,
    run: (entries) => runner.run(entries),
    destroy: () => runner.destroy(),
  };
}

/** Counts steps by how many ran together. */
function counting(runner: WgslRunner, runs: Map<number, number>): Runner {
  return {
    ...onHost(runner),
    runGreedy: (entries, run) => {
      runs.set(run.numSteps, (runs.get(run.numSteps) ?? 0) + 1);
      return runner.runGreedy(entries, run);
    },
  };
}

/** Everything that a client is told, but for times. */
async function answer(
  runner: Runner,
  requests: readonly Omit<GenerationRequest, "model">[],
  batchSize: number,
): Promise<string[]> {
  const engine = new ModelEngine({
    model: "ollm-tiny",
    runner,
    text,
    sampling: { temperature: 0 },
    maxWaiting: batchSize,
    defaultMaxTokens: 48,
    speculation: "off", // drafts come by time, and overwrite blocks
  });
  const answers = requests.map(() => "");
  for (let first = 0; first < requests.length; first += batchSize) {
    for (let i = first; i < Math.min(requests.length, first + batchSize); i++) {
      engine.submit({ model: "ollm-tiny", ...requests[i]! }, {
        onEvent: (event) => {
          if (event.type === "text") answers[i] += event.text;
          if (event.type !== "finish") return;
          const { numOutputTokens, numCachedTokens } = event.usage;
          answers[i] +=
            ` [${event.reason} ${event.stopSequence} ${numOutputTokens} ${numCachedTokens}]`;
        },
        onError: (error) => {
          throw error;
        },
      });
    }
    while (await engine.step());
  }
  engine.close();
  return answers;
}

for (const kind of ["software", "gpu"] as const) {
  Deno.test(`ModelEngine on the ${kind} set answers ${NUM_PROMPTS} prompts alike by steps that run together, alone and in batches`, async () => {
    const runner = await loadRunner(kind);
    const requests = await readRequests();
    const expected = await answer(onHost(runner), requests, 1);
    assert.ok(new Set(expected).size > NUM_PROMPTS / 2, "the prompts do not matter");
    for (const batchSize of [1, BATCH_SIZE]) {
      const runs = new Map<number, number>();
      const onlyHost = await answer(onHost(runner), requests, batchSize);
      assert.deepEqual(await answer(counting(runner, runs), requests, batchSize), onlyHost);
      if (batchSize === 1) assert.deepEqual(onlyHost, expected);
      assert.ok(runs.size > 0, "the host chose all tokens");
      // On a software adapter the kernels for cards are slow, and slow steps run alone.
      if (kind === "software") assert.ok([...runs.keys()].some((count) => count > 1));
    }
    runner.destroy();
    runner.device.destroy();
  });
}
