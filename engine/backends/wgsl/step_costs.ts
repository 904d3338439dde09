/**
 * What the steps of a planned model read and multiply, for predictions and for the bench's bound.
 *
 * @module
 */
import { KERNELS_VERSION } from "../../../kernels/mod.ts";
import type { AdapterInfo } from "../../gpu/mod.ts";
import type { StepCosts } from "../../runtime/prediction.ts";
import type { ModelPlan } from "./model_plan.ts";

/** The head, where it is not the embedding. */
const HEAD = "lm_head";

/** What times are measured on: those of another adapter or other kernels say nothing, nor do those of layers apart of joined ones. */
export function describeKernels(
  { kernelSet, fusesLayers }: ModelPlan,
  { description }: AdapterInfo,
): { adapter: string; kernelSet: string; kernelsVersion: number } {
  return {
    adapter: description,
    kernelSet: fusesLayers ? `${kernelSet.name}, fused` : kernelSet.name,
    kernelsVersion: KERNELS_VERSION,
  };
}

/** Adds up the matrices and vectors of a plan. */
export function computeStepCosts(plan: ModelPlan): StepCosts {
  const { matrices } = plan.kernelSet;
  const hasHead = plan.matrices.has(HEAD);
  let weightBytes = 0;
  let headBytes = 0;
  let numLayerWeights = 0;
  for (const [name, layout] of plan.matrices) {
    const bytes = matrices.computeBytes(layout);
    const isEmbedding = name.endsWith(".embed_tokens");
    // An embedding that is not the head as well is read for one row.
    weightBytes += isEmbedding && hasHead ? bytes / layout.numRows : bytes;
    if (name === HEAD || isEmbedding && !hasHead) headBytes = bytes;
    else if (!isEmbedding) numLayerWeights += layout.numRows * layout.numCols;
  }
  for (const size of plan.vectors.values()) weightBytes += 4 * size;
  const { kvBytes, numBlocks, blockSize } = plan.memory;
  return {
    weightBytes,
    headBytes,
    numLayerWeights,
    kvTokenBytes: kvBytes / (numBlocks * blockSize),
  };
}
