/**
 * The embedded model answers real questions alike on both kernel sets, alone and among seven others. All of it:
 *
 *     deno test -A tests/model/greedy_equality_test.ts -- 200
 *
 * @module
 */
import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { type AdapterKind, GpuDevice } from "../../engine/gpu/mod.ts";
import { loadTextModel } from "../../engine/text/mod.ts";
import type { ChatMessage } from "../../engine/types.ts";
import { readQuestions } from "../../tools/eval/questions.ts";
import { answerGreedily, findDifferences, type GreedyAnswer } from "../support/greedy_answers.ts";

const NUM_PROMPTS = Number(Deno.args[0] ?? 8);
const BATCH_SIZE = 8;
const MAX_TOKENS = Deno.args.length === 0 ? 12 : 48;

const pkg = await openPackage("models/ollm-tiny");
const text = await loadTextModel(pkg);

/** Conversations without tools, whose answers would be led by a grammar; an even choice from all families. */
async function readPrompts(): Promise<ChatMessage[][]> {
  const conversations = (await readQuestions())
    .filter(({ tools }) => tools === undefined)
    .map(({ messages }) => messages.map(({ role, content }) => ({ role, content })));
  assert.ok(NUM_PROMPTS <= conversations.length, `There are ${conversations.length} questions`);
  return Array.from(
    { length: NUM_PROMPTS },
    (_, i) => conversations[Math.floor(i * conversations.length / NUM_PROMPTS)]!,
  );
}

/** A runner on the set that suits `kind`, whatever this machine's adapter is. */
async function loadRunner(kind: AdapterKind): Promise<WgslRunner> {
  const device = await GpuDevice.create();
  Object.defineProperty(device, "info", { value: { ...device.info, kind } });
  return await WgslRunner.load(device, pkg, { maxSequences: BATCH_SIZE });
}

async function answerBothWays(kind: AdapterKind, prompts: readonly ChatMessage[][]) {
  const runner = await loadRunner(kind);
  assert.equal(runner.plan.kernelSet.name, kind);
  const ask = (batchSize: number) =>
    answerGreedily({ runner, text }, prompts, { batchSize, maxTokens: MAX_TOKENS });
  const answers = { alone: await ask(1), batch: await ask(BATCH_SIZE) };
  runner.destroy();
  runner.device.destroy();
  return answers;
}

function assertSame(what: string, answers: GreedyAnswer[], others: GreedyAnswer[]): void {
  const differences = findDifferences(answers, others);
  const list = differences.map(({ prompt, token, margin }) =>
    `prompt ${prompt}, token ${token}: the best two logits are ${margin.toPrecision(3)} apart`
  );
  assert.equal(differences.length, 0, `${what} differ:\n${list.join("\n")}`);
}

Deno.test(`ModelEngine answers ${NUM_PROMPTS} questions alike on both kernel sets, alone and in batches of ${BATCH_SIZE}`, async () => {
  const prompts = await readPrompts();
  const software = await answerBothWays("software", prompts);
  const gpu = await answerBothWays("gpu", prompts);
  const different = new Set(software.alone.map(({ tokens }) => tokens.join()));
  assert.ok(different.size > NUM_PROMPTS / 2, "the questions do not matter");
  assertSame("The software set alone and in a batch", software.alone, software.batch);
  assertSame("The gpu set alone and in a batch", gpu.alone, gpu.batch);
  assertSame("The kernel sets", software.alone, gpu.batch);
});
