import assert from "node:assert/strict";
import { WarmUp } from "../../../../engine/backends/wgsl/warm_up.ts";
import type { Dispatch, StepShape } from "../../../../engine/gpu/mod.ts";

/** A dispatch of `numTiles` rows of workgroups that takes one pipeline for a token and another for more. */
function dispatch(kernel: string, numTiles: number, parts: Partial<Dispatch> = {}): Dispatch {
  const pipelines = PIPELINES[kernel]!;
  return {
    kernel,
    bindGroup: () => ({} as GPUBindGroup),
    pipeline: ({ numTokens }) => pipelines[numTokens === 1 ? 0 : 1]!,
    workgroupsX: ({ numLogits }) => kernel === "head" ? numLogits : 1,
    workgroupsY: () => numTiles,
    ...parts,
  };
}

const PIPELINES: Record<string, [GPUComputePipeline, GPUComputePipeline]> = {
  layer: [{} as GPUComputePipeline, {} as GPUComputePipeline],
  head: [{} as GPUComputePipeline, {} as GPUComputePipeline],
};

/** What a warm-up of these runs, in order: tokens and logits of the step, then places of the dispatches. */
function record(dispatches: readonly Dispatch[]): { warmUp: WarmUp; runs: string[] } {
  const runs: string[] = [];
  const none = new Uint32Array(0);
  const warmUp = new WarmUp({
    dispatches,
    describe: (step) => ({
      shape: { ...step, contextLength: 256 },
      ...{ tokens: none, logitsRows: none, blockTables: none, numBlocks: 1 },
    }),
    run({ shape: { numTokens, numLogits } }, some) {
      const places = some.map((dispatch) => dispatches.indexOf(dispatch));
      runs.push(`${numTokens}/${numLogits}: ${places}`);
      return Promise.resolve();
    },
  });
  return { warmUp, runs };
}

/** Calls {@linkcode WarmUp.goOn} as often as it says that there is more. */
async function goOn(warmUp: WarmUp): Promise<void> {
  while (await warmUp.goOn());
}

Deno.test("WarmUp.begin() runs what is unlike all before it, for every step where nothing can wait", async () => {
  const { warmUp, runs } = record([
    dispatch("layer", 4),
    dispatch("layer", 8),
    dispatch("layer", 4),
    dispatch("head", 2),
  ]);
  const shares: number[] = [];
  await warmUp.begin((share) => shares.push(share));
  assert.deepEqual(runs, ["1/1: 0,1,3", "8/1: 0,1,3", "2/2: 3", "4/4: 3", "8/8: 3"]);
  assert.deepEqual(shares, [0.2, 0.4, 0.6, 0.8, 1]);
  assert.equal(await warmUp.goOn(), false);
});

Deno.test("WarmUp.goOn() and finish() run what begin() could leave", async () => {
  const prepare = () => Promise.resolve();
  for (const rest of [goOn, (warmUp: WarmUp) => warmUp.finish()]) {
    const { warmUp, runs } = record([dispatch("layer", 4, { prepare }), dispatch("head", 2)]);
    await warmUp.begin(() => {});
    assert.deepEqual(runs.splice(0), ["1/1: 0,1", "8/1: 0,1"]);
    await rest(warmUp);
    assert.deepEqual(runs, ["2/2: 1", "4/4: 1", "8/8: 1"]);
  }
});

Deno.test("WarmUp.goOn() waits for what is compiled on another thread, once for each dispatch", async () => {
  const compiled = Promise.withResolvers<void>();
  const asked: StepShape[] = [];
  const { warmUp, runs } = record([
    dispatch("layer", 4, {
      prepare: () => Promise.resolve(),
      compileAside(shape) {
        asked.push(shape);
        return shape.numTokens === 2 ? compiled.promise : null;
      },
    }),
    dispatch("head", 2),
  ]);
  await warmUp.begin(() => {});
  runs.length = 0;
  for (let i = 0; i < 3; i++) assert.equal(await warmUp.goOn(), false);
  assert.deepEqual([runs.length, asked.length], [0, 1]);
  compiled.resolve();
  await compiled.promise;
  await goOn(warmUp);
  assert.deepEqual(runs, ["2/2: 1", "4/4: 1", "8/8: 1"]);
  assert.deepEqual(asked.map(({ numTokens }) => numTokens), [2]);
});

Deno.test("WarmUp.goOn() leaves out what a batch of that size does not take", async () => {
  const { warmUp, runs } = record([
    dispatch("layer", 4, { prepare: () => Promise.resolve() }),
    dispatch("head", 2),
  ]);
  await warmUp.begin(() => {});
  runs.length = 0;
  for (const batchSize of [3, 4, 16, 5, 2]) while (await warmUp.goOn(batchSize));
  assert.deepEqual(runs, ["4/4: 1", "8/8: 1", "2/2: 1"]);
});
