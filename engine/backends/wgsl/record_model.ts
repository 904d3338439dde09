/**
 * Records a model: allocates what its steps work on, and builds the dispatches that lead from tokens to logits.
 *
 * @module
 */
import type { Dispatch, GpuDevice, GpuResource } from "../../gpu/mod.ts";
import { type Activations, computeRopeFrequencies, computeRopeTable } from "../../models/mod.ts";
import type { KvCache, Operations, StepBuffers } from "../../ops/mod.ts";
import { MAX_GREEDY_STEPS } from "../../runtime/runner.ts";
import type { LoadedWeights } from "./load_weights.ts";
import type { ModelPlan } from "./model_plan.ts";
import { maxBlocksOf, NUM_SPARE_BLOCKS, STEP_WORDS, TOKEN_WORDS } from "./step_batch.ts";

/** What a model is recorded from. */
export interface RecordedModelOptions {
  readonly plan: ModelPlan;
  /** They end with the model. */
  readonly weights: LoadedWeights;
}

/** What was made for a model. */
export interface Recording {
  /** All but those of `ops` and the weights. */
  readonly resources: readonly GpuResource[];
  readonly ops: Operations;
  readonly kv: KvCache;
  readonly step: StepBuffers;
  readonly activations: Activations;
  /** From tokens to logits. */
  readonly dispatches: readonly Dispatch[];
  readonly choice: TokenChoice;
}

/** How the next step's tokens are chosen. */
export interface TokenChoice {
  /** [MAX_GREEDY_STEPS, L] u32. */
  readonly chosen: GPUBuffer;
  /** From logits to `chosen`. */
  readonly dispatches: readonly Dispatch[];
}

/** Allocates KV cache and activations, and compiles what each load needs. Reads no weights. */
export async function recordModel(
  device: GpuDevice,
  { plan, weights }: RecordedModelOptions,
): Promise<Recording> {
  const { config, memory, kernelSet } = plan;
  const { maxStepTokens } = memory;
  const resources: GpuResource[] = [];
  const create = (label: string, numWords: number, usage?: GPUFlagsConstant) => {
    const buffer = device.createBuffer(label, 4 * numWords, usage);
    resources.push(buffer);
    return buffer;
  };
  const step: StepBuffers = {
    step: create("step", STEP_WORDS, GPUBufferUsage.UNIFORM),
    tokens: create("tokens", TOKEN_WORDS * maxStepTokens),
    blockTables: create("block tables", maxBlocksOf(memory) * memory.maxSequences),
    logitsRows: create("logits rows", memory.maxLogitsRows),
  };
  const activations: Activations = {
    hidden: create("hidden", config.hiddenSize * maxStepTokens),
    logits: create("logits", config.vocabSize * memory.maxLogitsRows),
  };
  const kv = kernelSet.createKvCache(device, {
    elem: plan.kvElem,
    blockSize: memory.blockSize,
    numBlocks: NUM_SPARE_BLOCKS + memory.numBlocks,
    numKvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
  }, config.numHiddenLayers);
  const caches = kv.layers.flatMap(({ keys, values }) => [keys, values]);
  resources.push(...caches);
  // A driver clears new memory at its first use: asked now, one on the CPU does so while kernels are compiled here.
  for (const cache of caches) device.touch(cache);
  device.flush();
  const cosSin = config.ropes.map((rope) => {
    const { contextLength } = memory;
    const frequencies = computeRopeFrequencies(rope, config.rotaryDim, contextLength);
    const table = computeRopeTable(frequencies, contextLength);
    const buffer = create("cos sin", table.length);
    device.writeBuffer(buffer, table);
    return buffer;
  });
  const ops = kernelSet.createOperations(device, step, {
    maxStepTokens,
    fusesLayers: plan.fusesLayers,
  });
  const parts = { ops, weights, activations, kv: kv.layers, cosSin };
  const dispatches = await plan.architecture.record(config, parts);
  const choice = await recordChoice(ops, plan, { logits: activations.logits, create });
  return { resources, ops, kv, step, activations, dispatches, choice };
}

/** Records how the next step's tokens are chosen. */
async function recordChoice(
  ops: Operations,
  { memory, config }: ModelPlan,
  { logits, create }: {
    logits: GPUBuffer;
    create: (label: string, numWords: number) => GPUBuffer;
  },
): Promise<TokenChoice> {
  const chosen = create("chosen tokens", MAX_GREEDY_STEPS * memory.maxLogitsRows);
  const dispatches = await ops.chooseTokens({
    logits,
    chosen,
    vocabSize: config.vocabSize,
    blockSize: memory.blockSize,
    ringSize: MAX_GREEDY_STEPS,
    maxRows: memory.maxLogitsRows,
  });
  return { chosen, dispatches };
}
