/**
 * Some layers of a model, with the last ones its head, on one device: recorded once and replayed for every batch.
 *
 * @module
 */
import {
  destroyResources,
  type Dispatch,
  type GpuDevice,
  type GpuResource,
  type StepShape,
} from "../../gpu/mod.ts";
import {
  type Activations,
  computeRopeFrequencies,
  computeRopeTable,
  type StepRecord,
} from "../../models/mod.ts";
import type { Operations, StepBuffers } from "../../ops/mod.ts";
import { MAX_GREEDY_STEPS } from "../../runtime/runner.ts";
import { type ShapeStore, tuneKernels } from "./autotune.ts";
import type { LoadedWeights } from "./load_weights.ts";
import { type ModelPlan, runnerLimits, type StagePlan } from "./model_plan.ts";
import { maxBlocksOf, type StepBatch, StepWriter, TOKEN_WORDS } from "./step_batch.ts";
import { describeKernels } from "./step_costs.ts";
import { StepPass } from "./step_pass.ts";
import { FirstDispatches, WARM_UP_TOKENS } from "./warm_up.ts";

/** Words of `Step` in kernels/lib/step.wgsl. */
const STEP_WORDS = 4;

/** A thread that came late once is likely to be there at the second time. */
const MAX_FUSED_ATTEMPTS = 2;

/** Steps without fused dispatches, behind one in which they gave up each time: another program wants the processors. */
const PAUSE_STEPS = 64;

/** What a {@linkcode Stage} is made from. */
export interface StageOptions {
  readonly plan: ModelPlan;
  /** Which of the plan's stages. */
  readonly stage: StagePlan;
  /** Those of the stage; they end with it. */
  readonly weights: LoadedWeights;
}

/** What was made for a stage. */
interface StageParts {
  readonly device: GpuDevice;
  readonly options: StageOptions;
  readonly resources: readonly GpuResource[];
  readonly ops: Operations;
  readonly step: StepBuffers;
  readonly activations: Activations;
  readonly record: StepRecord;
  /** [MAX_GREEDY_STEPS, L] u32 and the dispatches that fill it; null where the logits are not all here. */
  readonly choice: { readonly chosen: GPUBuffer; readonly dispatches: readonly Dispatch[] } | null;
}

/** Computes its share of every step: describe a batch, then submit a pass and read what it leaves. */
export class Stage {
  /** Layers and head at once, where this stage has the head: [L, V] f32. */
  readonly whole: StepPass;
  /** The same up to the tokens that the next step computes: [rows, steps] u32 in any order of both; null where there are two stages. */
  readonly greedy: StepPass | null;
  /** The layers: rows of the residual stream, [T, D] f32. */
  readonly layers: StepPass;
  readonly #parts: StageParts;
  readonly #stepWords = new Uint32Array(STEP_WORDS);
  #unfusedSteps = 0;

  private constructor(parts: StageParts) {
    const { device, options: { plan, stage }, activations, record, choice } = parts;
    const { config, memory } = plan;
    const failures = parts.ops.failures ? { failures: parts.ops.failures } : {};
    this.#parts = parts;
    this.#stepWords[2] = maxBlocksOf(memory);
    this.whole = new StepPass(device, {
      dispatches: [...record.layers, ...record.head],
      output: activations.logits,
      rowLength: config.vocabSize,
      maxRows: memory.maxLogitsRows,
      numRows: ({ numLogits }) => numLogits,
      ...failures,
    });
    this.greedy = choice && new StepPass(device, {
      dispatches: [...record.layers, ...record.head, ...choice.dispatches],
      output: choice.chosen,
      rowLength: MAX_GREEDY_STEPS,
      maxRows: memory.maxLogitsRows,
      numRows: ({ numLogits }) => numLogits,
      ...failures,
    });
    this.layers = new StepPass(device, {
      dispatches: record.layers,
      output: activations.hidden,
      rowLength: config.hiddenSize,
      maxRows: stage.maxTokens,
      numRows: ({ numTokens }) => numTokens,
      ...failures,
    });
  }

  /**
   * Allocates KV cache and activations, and compiles the kernels.
   *
   * @throws {DeviceError} not enough memory
   */
  static async create(device: GpuDevice, options: StageOptions): Promise<Stage> {
    return await device.guard("the KV cache and activations", () => Stage.#record(device, options));
  }

  static async #record(device: GpuDevice, options: StageOptions): Promise<Stage> {
    const { plan, stage: { layers, maxTokens }, weights } = options;
    const { config, memory, kernelSet } = plan;
    const resources: GpuResource[] = [];
    const create = (label: string, numWords: number, usage?: GPUFlagsConstant) => {
      const buffer = device.createBuffer(label, 4 * numWords, usage);
      resources.push(buffer);
      return buffer;
    };
    const step: StepBuffers = {
      step: create("step", STEP_WORDS, GPUBufferUsage.UNIFORM),
      tokens: create("tokens", TOKEN_WORDS * maxTokens),
      blockTables: create("block tables", maxBlocksOf(memory) * memory.maxSequences),
      logitsRows: create("logits rows", memory.maxLogitsRows),
    };
    const hasHead = layers.end === config.numHiddenLayers;
    const activations: Activations = {
      hidden: create("hidden", config.hiddenSize * maxTokens),
      logits: create("logits", hasHead ? config.vocabSize * memory.maxLogitsRows : 0),
    };
    const kv = kernelSet.createKvLayers(device, {
      elem: plan.kvElem,
      blockSize: memory.blockSize,
      numBlocks: memory.numBlocks,
      numKvHeads: config.numKeyValueHeads,
      headDim: config.headDim,
    }, layers.end - layers.first);
    const caches = kv.flatMap(({ keys, values }) => [keys, values]);
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
      maxStepTokens: maxTokens,
      fusesLayers: plan.fusesLayers,
    });
    const parts = { ops, layers, weights, activations, kv, cosSin };
    const record = await plan.architecture.record(config, parts);
    const choice = plan.stages.length > 1
      ? null
      : await recordChoice(ops, plan, { logits: activations.logits, create });
    return new Stage({ device, options, resources, ops, step, activations, record, choice });
  }

  /**
   * Runs every entry point of every kernel once: drivers compile at the first dispatch, some for seconds. Block 0 is
   * overwritten later.
   *
   * @param onProgress share from 0 to 1
   */
  async warmUp(onProgress: (share: number) => void = () => {}): Promise<void> {
    const { options: { plan }, record } = this.#parts;
    const writer = new StepWriter(runnerLimits(plan));
    const passes = [record.head.length > 0 ? this.whole : this.layers];
    if (this.greedy) passes.push(this.greedy);
    const first = new FirstDispatches();
    for (const [i, numTokens] of WARM_UP_TOKENS.entries()) {
      const tokens = new Array<number>(numTokens).fill(0);
      const batch = writer.write([
        { sequence: -1, tokens, firstPosition: 0, blocks: [0], numLogits: numTokens },
      ]);
      this.write(batch);
      for (const pass of passes) await pass.warmUp(batch.shape, first);
      onProgress((i + 1) / WARM_UP_TOKENS.length);
    }
  }

  /** Takes the fastest shapes of kernels, where there is a choice; before any step is encoded. */
  async tune(store: ShapeStore, onProgress: (share: number) => void): Promise<void> {
    const { device, options: { plan, stage }, ops, step } = this.#parts;
    const all = await ops.tunables?.() ?? [];
    const tunables = all.filter(({ numTokens }) => numTokens <= stage.maxTokens);
    if (tunables.length === 0) return;
    const on = describeKernels(plan, device.info);
    const known = await store.read(on);
    const measured = await tuneKernels(device, step, tunables, { known, onProgress });
    if (measured.size > 0) await store.record(on, measured);
  }

  /** Ids from `numChoices` on are not chosen by the steps that {@linkcode greedy} computes from here on. */
  boundChoices(numChoices: number): void {
    this.#stepWords[3] = numChoices;
  }

  /**
   * Describes the next batch to the kernels.
   *
   * @param hidden [T, D] f32, what the layers before this stage left; only where there are some
   */
  write(batch: StepBatch, hidden?: Float32Array<ArrayBuffer>): void {
    const { shape, tokens, logitsRows, blockTables } = batch;
    const { device, step, activations } = this.#parts;
    if (hidden) device.writeBuffer(activations.hidden, hidden);
    this.#stepWords[0] = shape.numTokens;
    this.#stepWords[1] = shape.numLogits;
    device.writeBuffer(step.step, this.#stepWords);
    device.writeBuffer(step.tokens, tokens);
    if (blockTables.length > 0) device.writeBuffer(step.blockTables, blockTables);
    if (logitsRows.length > 0) device.writeBuffer(step.logitsRows, logitsRows);
  }

  /**
   * Computes a batch: {@linkcode write}, submit and read, again where dispatches gave up, at last without those that can.
   *
   * @param shape of all steps
   * @param count steps, for a pass that leaves the next batch
   */
  async compute(
    pass: StepPass,
    batch: StepBatch,
    { shape = batch.shape, count = 1 }: { shape?: StepShape; count?: number } = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    for (let attempt = 0;; attempt++) {
      if (attempt === MAX_FUSED_ATTEMPTS) this.#unfusedSteps = PAUSE_STEPS;
      const isUnfused = this.#unfusedSteps > 0;
      this.write(batch);
      pass.submit(isUnfused ? { ...shape, isUnfused } : shape, count);
      const rows = await pass.read(shape);
      if (!pass.hasFailed) {
        this.#unfusedSteps = Math.max(0, this.#unfusedSteps - count);
        return rows;
      }
      const { device, ops } = this.#parts;
      device.writeBuffer(ops.failures!, new Uint32Array(ops.failures!.size / 4));
    }
  }

  /** Gives all device memory back. */
  destroy(): void {
    const { options: { weights }, ops, resources } = this.#parts;
    weights.destroy();
    ops.destroy();
    destroyResources(resources);
    for (const pass of [this.whole, this.greedy, this.layers]) pass?.destroy();
  }
}

/** Records how the next step's tokens are chosen. */
async function recordChoice(
  ops: Operations,
  { memory, config }: ModelPlan,
  { logits, create }: {
    logits: GPUBuffer;
    create: (label: string, numWords: number) => GPUBuffer;
  },
): Promise<StageParts["choice"]> {
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
