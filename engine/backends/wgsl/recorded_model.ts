/**
 * A model on its device: recorded once and replayed for every batch.
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
import { type Activations, computeRopeFrequencies, computeRopeTable } from "../../models/mod.ts";
import type { KvCache, Operations, StepBuffers } from "../../ops/mod.ts";
import { MAX_GREEDY_STEPS } from "../../runtime/runner.ts";
import { type ShapeStore, tuneKernels } from "./autotune.ts";
import type { LoadedWeights } from "./load_weights.ts";
import { type ModelPlan, runnerLimits } from "./model_plan.ts";
import {
  maxBlocksOf,
  NUM_SPARE_BLOCKS,
  SPARE_BLOCK,
  type StepBatch,
  StepWriter,
  TOKEN_WORDS,
} from "./step_batch.ts";
import { describeKernels } from "./step_costs.ts";
import { StepPass } from "./step_pass.ts";
import { ThreadChoice } from "./thread_choice.ts";
import { WarmUp, type WarmUpStep } from "./warm_up.ts";

/** Words of `Step` in kernels/lib/step.wgsl. */
const STEP_WORDS = 4;

/** Of the steps of several sequences, one in as many is followed by a piece of what is left to be compiled for them. */
const BATCHES_A_PIECE = 2;

/** What a {@linkcode RecordedModel} is made from. */
export interface RecordedModelOptions {
  readonly plan: ModelPlan;
  /** They end with the model. */
  readonly weights: LoadedWeights;
}

/** What was made for a model. */
interface RecordedModelParts {
  readonly device: GpuDevice;
  readonly options: RecordedModelOptions;
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
interface TokenChoice {
  /** [MAX_GREEDY_STEPS, L] u32. */
  readonly chosen: GPUBuffer;
  /** From logits to `chosen`. */
  readonly dispatches: readonly Dispatch[];
}

/** Computes steps: describes a batch, then submits a pass and reads what it leaves. */
export class RecordedModel {
  /** Leaves logits, [L, V] f32. */
  readonly forward: StepPass;
  /** Goes on to the tokens that the next step computes: [MAX_GREEDY_STEPS, L] u32, a ring by the position of the token before. */
  readonly greedy: StepPass;
  /** Describes batches. The only one, since it leaves out what the device has been told before. */
  readonly writer: StepWriter;
  readonly #parts: RecordedModelParts;
  readonly #stepWords = new Uint32Array(STEP_WORDS);
  /** By the tokens of a step. */
  readonly #threads = new Map<number, ThreadChoice>();
  #numBatches = 0;
  readonly #warmUp: WarmUp;

  private constructor(parts: RecordedModelParts) {
    const { device, options: { plan }, activations, dispatches, choice } = parts;
    const { config, memory } = plan;
    const { failures } = parts.ops;
    const bounds = { maxRows: memory.maxLogitsRows, ...(failures && { failures }) };
    this.#parts = parts;
    this.writer = new StepWriter(runnerLimits(plan));
    this.#stepWords[2] = maxBlocksOf(memory);
    this.#warmUp = new WarmUp({
      dispatches: [...dispatches, ...choice.dispatches],
      describe: (step) => this.#describe(step),
      run: async (batch, some) => {
        this.#write(batch);
        await this.forward.run(some, batch.shape);
      },
    });
    this.forward = new StepPass(device, {
      dispatches,
      output: activations.logits,
      rowLength: config.vocabSize,
      ...bounds,
    });
    this.greedy = new StepPass(device, {
      dispatches: [...dispatches, ...choice.dispatches],
      output: choice.chosen,
      rowLength: MAX_GREEDY_STEPS,
      ...bounds,
    });
  }

  /**
   * Allocates KV cache and activations, and compiles the kernels. Reads no weights.
   *
   * @throws {DeviceError} not enough memory
   */
  static async create(device: GpuDevice, options: RecordedModelOptions): Promise<RecordedModel> {
    return await device.guard(
      "the KV cache and activations",
      () => RecordedModel.#record(device, options),
    );
  }

  static async #record(device: GpuDevice, options: RecordedModelOptions): Promise<RecordedModel> {
    const { plan, weights } = options;
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
    const model = new RecordedModel({
      ...{ device, options, resources, ops, kv, step, activations, dispatches, choice },
    });
    await model.#warmUp.prepare();
    return model;
  }

  /**
   * Runs entry points of every kernel once: drivers compile at the first dispatch, some for seconds. What batches can do without is
   * left to {@linkcode prepareMore}.
   *
   * @param onProgress share from 0 to 1
   */
  async warmUp(onProgress: (share: number) => void = () => {}): Promise<void> {
    await this.#warmUp.begin(onProgress);
  }

  /**
   * Compiles and runs one of the entry points that {@linkcode warmUp} left, between two steps; once there has been a batch, since who
   * talks alone needs none of them.
   *
   * @returns false where none is left, or the next one is not ready yet
   */
  async prepareMore(): Promise<boolean> {
    return this.#numBatches > 0 && await this.#warmUp.goOn();
  }

  /** Compiles and runs all of them, however long it takes. */
  async prepareAll(): Promise<void> {
    await this.#warmUp.finish();
  }

  /** A step whose keys and values go to the block that no sequence has. */
  #describe({ numTokens, numLogits }: WarmUpStep): StepBatch {
    const tokens = new Array<number>(numTokens).fill(0);
    const blocks = [SPARE_BLOCK];
    return this.writer.write([{ sequence: -1, tokens, firstPosition: 0, blocks, numLogits }]);
  }

  /** Takes the fastest shapes of kernels, where there is a choice; before any step is encoded. */
  async tune(store: ShapeStore, onProgress: (share: number) => void): Promise<void> {
    const { device, options: { plan }, ops, step } = this.#parts;
    const all = await ops.tunables?.() ?? [];
    const tunables = all.filter(({ numTokens }) => numTokens <= plan.memory.maxStepTokens);
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

  /** Describes the next batch to the kernels. */
  #write({ shape, tokens, logitsRows, blockTables, numBlocks }: StepBatch): void {
    const { device, step, kv } = this.#parts;
    kv.reserve?.(numBlocks);
    this.#stepWords[0] = shape.numTokens;
    this.#stepWords[1] = shape.numLogits;
    device.writeBuffer(step.step, this.#stepWords);
    device.writeBuffer(step.tokens, tokens);
    if (blockTables.length > 0) device.writeBuffer(step.blockTables, blockTables);
    if (logitsRows.length > 0) device.writeBuffer(step.logitsRows, logitsRows);
  }

  /**
   * Computes a batch: describes, submits and reads; again on one thread where several did not meet.
   *
   * @param shape of all steps
   * @param count steps, for a pass that leaves the next batch
   */
  async compute(
    pass: StepPass,
    batch: StepBatch,
    { shape = batch.shape, count = 1 }: { shape?: StepShape; count?: number } = {},
  ): Promise<Float32Array<ArrayBuffer>> {
    const { device, ops } = this.#parts;
    const threads = ops.isFused?.(shape) ? this.#threadsFor(shape) : null;
    let isCleared = false;
    for (;;) {
      const start = performance.now();
      const isSolo = threads?.isSolo ?? false;
      this.#write(batch);
      pass.submit(isSolo ? { ...shape, isSolo } : shape, count);
      const rows = await pass.read(shape);
      const ms = pass.hasFailed ? Infinity : (performance.now() - start) / count;
      threads?.record(ms, count);
      if (!pass.hasFailed) {
        await this.#prepareFor(shape);
        return rows;
      }
      if (isSolo && isCleared) {
        throw new Error("A step on one thread gave up, which waits for nobody: a bug");
      }
      device.writeBuffer(ops.failures!, new Uint32Array(ops.failures!.size / 4));
      isCleared = true;
    }
  }

  #threadsFor({ numTokens }: StepShape): ThreadChoice {
    const known = this.#threads.get(numTokens) ?? new ThreadChoice();
    this.#threads.set(numTokens, known);
    return known;
  }

  /** Where batches go on and on there is no pause to compile for them. */
  async #prepareFor({ numLogits }: StepShape): Promise<void> {
    if (numLogits < 2) return;
    this.#numBatches++;
    if (this.#numBatches % BATCHES_A_PIECE === 0) await this.#warmUp.goOn(numLogits);
  }

  /** Gives all device memory back. */
  destroy(): void {
    const { options: { weights }, ops, resources } = this.#parts;
    weights.destroy();
    ops.destroy();
    destroyResources(resources);
    for (const pass of [this.forward, this.greedy]) pass.destroy();
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
