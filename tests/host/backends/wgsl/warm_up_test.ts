import assert from "node:assert/strict";
import { FirstDispatches } from "../../../../engine/backends/wgsl/warm_up.ts";
import type { Dispatch, StepShape } from "../../../../engine/gpu/mod.ts";

/** A dispatch of `numTiles` rows of workgroups that takes one pipeline for a token and another for more. */
function dispatch(kernel: string, numTiles: number): Dispatch {
  const pipelines = PIPELINES[kernel]!;
  return {
    kernel,
    bindGroup: {} as GPUBindGroup,
    pipeline: ({ numTokens }) => pipelines[numTokens === 1 ? 0 : 1]!,
    workgroupsX: ({ numLogits }) => kernel === "head" ? numLogits : 1,
    workgroupsY: () => numTiles,
  };
}

const PIPELINES: Record<string, [GPUComputePipeline, GPUComputePipeline]> = {
  layer: [{} as GPUComputePipeline, {} as GPUComputePipeline],
  head: [{} as GPUComputePipeline, {} as GPUComputePipeline],
};

function shape(numTokens: number, numLogits: number): StepShape {
  return { numTokens, numLogits, contextLength: 256 };
}

Deno.test("FirstDispatches.take() leaves out what repeats in a step and in those before", () => {
  const step = [
    dispatch("layer", 4),
    dispatch("layer", 8),
    dispatch("layer", 4),
    dispatch("layer", 8),
    dispatch("head", 2),
  ];
  const first = new FirstDispatches();
  assert.deepEqual(first.take(step, shape(1, 0)), [step[0], step[1]]);
  assert.deepEqual(first.take(step, shape(1, 1)), [step[4]]);
  assert.deepEqual(first.take(step, shape(2, 1)), [step[0], step[1], step[4]]);
  assert.deepEqual(first.take(step, shape(2, 1)), []);
});
