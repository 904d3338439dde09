/**
 * Greedy tokens from a runner that may be made to fail at batches. One load in an isolate, hence a worker.
 *
 * @module
 */
import { LibraryModel } from "../../engine/backends/web_llm/library_model.ts";
import { readLibrary, WebLlmRunner } from "../../engine/backends/web_llm/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { inspectAdapter } from "../../engine/gpu/mod.ts";
import { Scheduler } from "../../engine/scheduler/mod.ts";

/** What to run. */
export interface GreedyOptions {
  dir: string;
  library: string;
  prompts: number[][];
  numTokens: number;
  failsBatches: boolean;
}

/** What came of it. */
export interface GreedyResult {
  tokens: number[][];
  maxSequences: number;
  reasons: string[];
}

async function run({ dir, library: path, ...options }: GreedyOptions): Promise<GreedyResult> {
  if (options.failsBatches) {
    LibraryModel.prototype.runBatch = () => Promise.reject(new Error("made to fail"));
  }
  const runner = await WebLlmRunner.load(await openPackage(dir), {
    library: await readLibrary(path),
    adapter: await inspectAdapter(),
    contextLength: 64,
    maxSequences: 2,
  });
  const { prompts, numTokens } = options;
  const scheduler = new Scheduler({ ...runner.limits, maxWaiting: prompts.length });
  const sequences = prompts.map((prompt) => scheduler.add(prompt));
  for (let plan = scheduler.schedule(); plan.length > 0; plan = scheduler.schedule()) {
    const logits = await runner.run(plan.map(({ sequence, numTokens, isLast }) => ({
      sequence: sequence.id,
      firstPosition: sequence.numComputed,
      tokens: sequence.tokens.slice(sequence.numComputed, sequence.numComputed + numTokens),
      blocks: sequence.table.blocks,
      numLogits: isLast ? 1 : 0,
    })));
    let row = 0;
    for (const { sequence, numTokens: count, isLast } of plan) {
      scheduler.commit(sequence, count);
      if (!isLast) continue;
      sequence.tokens.push(
        argmax(logits, runner.limits.vocabSize * row++, runner.limits.vocabSize),
      );
      if (sequence.tokens.length - sequence.numPromptTokens < numTokens) continue;
      scheduler.finish(sequence);
      runner.release(sequence.id);
    }
  }
  return {
    tokens: sequences.map(({ tokens }) => tokens),
    maxSequences: runner.limits.maxSequences,
    reasons: runner.abilities.reasons,
  };
}

function argmax(logits: Float32Array, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (logits[start + i]! > logits[start + best]!) best = i;
  return best;
}

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
scope.onmessage = async ({ data }: MessageEvent<GreedyOptions>) =>
  scope.postMessage(await run(data));
