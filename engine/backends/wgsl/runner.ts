/**
 * Runs a model on our own kernels: the step is recorded once and replayed; a token creates nothing on the device.
 *
 * @module
 */
import type { ModelPackage } from "../../formats/mod.ts";
import {
  type Dispatch,
  type GpuDevice,
  type GpuResource,
  Readback,
  replay,
  type StepShape,
  type TimestampTrace,
} from "../../gpu/mod.ts";
import { type Activations, computeRopeFrequencies, computeRopeTable } from "../../models/mod.ts";
import type { Operations, StepBuffers } from "../../ops/mod.ts";
import type { Runner, RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";
import { type LoadedWeights, loadWeights } from "./load_weights.ts";
import { type ModelPlan, type ModelPlanOptions, planModel } from "./model_plan.ts";

/** Words of a `Token` and of `Step` in kernels/lib/step.wgsl. */
const TOKEN_WORDS = 4;
const STEP_WORDS = 4;

/** Batches that between them run every entry point of both kernel sets. */
const WARM_UP_TOKENS = [1, 2, 4, 8];

/** Options of {@linkcode WgslRunner.load}. */
export interface WgslRunnerOptions extends ModelPlanOptions {
  /** Share from 0 to 1, and what is being done. */
  onProgress?: (share: number, stage: string) => void;
}

/** A decoder on our kernels. */
export class WgslRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly plan: ModelPlan;
  readonly device: GpuDevice;
  /** Set while measuring: every dispatch is timed, the step gets slower. */
  trace: TimestampTrace | null = null;
  readonly #weights: LoadedWeights;
  readonly #resources: readonly GpuResource[];
  readonly #ops: Operations;
  readonly #step: StepBuffers;
  readonly #logits: GPUBuffer;
  readonly #dispatches: readonly Dispatch[];
  readonly #readback: Readback;
  readonly #maxBlocks: number;
  // Host copies of the step buffers, reused by every step.
  readonly #stepWords = new Uint32Array(STEP_WORDS);
  readonly #tokenWords: Uint32Array<ArrayBuffer>;
  readonly #tableWords: Uint32Array<ArrayBuffer>;
  readonly #rowWords: Uint32Array<ArrayBuffer>;

  private constructor(parts: {
    device: GpuDevice;
    plan: ModelPlan;
    weights: LoadedWeights;
    resources: readonly GpuResource[];
    ops: Operations;
    step: StepBuffers;
    logits: GPUBuffer;
    dispatches: readonly Dispatch[];
  }) {
    const { memory, config } = parts.plan;
    this.device = parts.device;
    this.plan = parts.plan;
    this.limits = {
      maxStepTokens: memory.maxStepTokens,
      maxSequences: memory.maxSequences,
      contextLength: memory.contextLength,
      numBlocks: memory.numBlocks,
      blockSize: memory.blockSize,
      vocabSize: config.vocabSize,
      canShareBlocks: true,
    };
    this.#weights = parts.weights;
    this.#resources = parts.resources;
    this.#ops = parts.ops;
    this.#step = parts.step;
    this.#logits = parts.logits;
    this.#dispatches = parts.dispatches;
    this.#maxBlocks = maxBlocksOf(parts.plan);
    this.#tokenWords = new Uint32Array(TOKEN_WORDS * memory.maxStepTokens);
    this.#tableWords = new Uint32Array(this.#maxBlocks * memory.maxSequences);
    this.#rowWords = new Uint32Array(memory.maxSequences);
    this.#readback = new Readback(
      parts.device.raw,
      4 * config.vocabSize * memory.maxSequences,
      { isFast: parts.device.hasFastReadback },
    );
  }

  /**
   * Loads a package's weights, allocates the KV cache and activations, compiles and warms up every kernel.
   *
   * @throws {ModelInvalidError} the package is damaged or unsupported
   * @throws {DeviceError} not enough memory
   */
  static async load(
    device: GpuDevice,
    pkg: ModelPackage,
    options: WgslRunnerOptions = {},
  ): Promise<WgslRunner> {
    const { onProgress = () => {}, ...sizes } = options;
    const plan = planModel(pkg, device.info, sizes);
    const weights = await loadWeights(
      device,
      pkg,
      plan,
      (share) => onProgress(0.9 * share, "loading weights"),
    );
    onProgress(0.9, "compiling kernels");
    const runner = await device.guard(
      "the KV cache and activations",
      () => WgslRunner.#record(device, plan, weights),
    );
    await runner.#warmUp((share) => onProgress(0.9 + 0.1 * share, "compiling kernels"));
    onProgress(1, "ready");
    return runner;
  }

  static async #record(
    device: GpuDevice,
    plan: ModelPlan,
    weights: LoadedWeights,
  ): Promise<WgslRunner> {
    const { config, memory, kvElem } = plan;
    const resources: GpuResource[] = [];
    const create = (label: string, numWords: number, usage?: GPUFlagsConstant) => {
      const buffer = device.createBuffer(label, 4 * numWords, usage);
      resources.push(buffer);
      return buffer;
    };
    const step: StepBuffers = {
      step: create("step", STEP_WORDS, GPUBufferUsage.UNIFORM),
      tokens: create("tokens", TOKEN_WORDS * memory.maxStepTokens),
      blockTables: create("block tables", maxBlocksOf(plan) * memory.maxSequences),
      logitsRows: create("logits rows", memory.maxSequences),
    };
    const activations: Activations = {
      hidden: create("hidden", config.hiddenSize * memory.maxStepTokens),
      logits: create("logits", config.vocabSize * memory.maxSequences),
    };
    const kv = Array.from({ length: config.numHiddenLayers }, (_, layer) => {
      const own = plan.kernelSet.createKvLayer(device, `of layer ${layer}`, {
        elem: kvElem,
        blockSize: memory.blockSize,
        numBlocks: memory.numBlocks,
        numKvHeads: config.numKeyValueHeads,
        headDim: config.headDim,
      });
      resources.push(own.keys, own.values);
      return own;
    });
    const cosSin = config.ropes.map((rope) => {
      const { contextLength } = memory;
      const frequencies = computeRopeFrequencies(rope, config.rotaryDim, contextLength);
      const table = computeRopeTable(frequencies, contextLength);
      const buffer = create("cos sin", table.length);
      device.writeBuffer(buffer, table);
      return buffer;
    });
    const ops = plan.kernelSet.createOperations(device, step, memory);
    const dispatches = await plan.architecture.record(config, {
      ops,
      weights,
      activations,
      kv,
      cosSin,
    });
    return new WgslRunner({
      device,
      plan,
      weights,
      resources,
      ops,
      step,
      logits: activations.logits,
      dispatches,
    });
  }

  /**
   * Runs every entry point of every kernel once: drivers compile at the first dispatch, some for seconds. Block 0 is
   * overwritten later.
   */
  async #warmUp(onProgress: (share: number) => void): Promise<void> {
    const { maxSequences } = this.limits;
    for (const [i, numTokens] of WARM_UP_TOKENS.entries()) {
      // As many rows of logits as tokens, where so many sequences are allowed.
      const numEntries = Math.min(numTokens, maxSequences);
      await this.run(Array.from({ length: numEntries }, (_, entry) => ({
        sequence: -1 - entry,
        tokens: new Array<number>(entry === 0 ? numTokens - numEntries + 1 : 1).fill(0),
        firstPosition: 0,
        blocks: [0],
        wantsLogits: true,
      })));
      onProgress((i + 1) / WARM_UP_TOKENS.length);
    }
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    this.device.assertAlive();
    const shape = this.#writeStep(entries);
    const encoder = this.device.raw.createCommandEncoder({ label: "step" });
    replay(encoder, this.#dispatches, shape, this.trace ?? undefined);
    const numLogits = shape.numLogits * this.limits.vocabSize;
    if (numLogits === 0) {
      this.device.raw.queue.submit([encoder.finish()]);
      return new Float32Array(0);
    }
    return new Float32Array(
      await this.#readback.submitAndRead(encoder, this.#logits, 4 * numLogits),
    );
  }

  /** Describes the batch to the kernels. */
  #writeStep(entries: readonly RunnerEntry[]): StepShape {
    const { blockSize } = this.limits;
    let numTokens = 0;
    let numLogits = 0;
    for (const [sequence, { tokens, firstPosition, blocks, wantsLogits }] of entries.entries()) {
      this.#tableWords.set(blocks, sequence * this.#maxBlocks);
      for (const [i, token] of tokens.entries()) {
        const position = firstPosition + i;
        const slot = blocks[Math.floor(position / blockSize)]! * blockSize + position % blockSize;
        this.#tokenWords.set([token, position, slot, sequence], TOKEN_WORDS * numTokens++);
      }
      if (wantsLogits) this.#rowWords[numLogits++] = numTokens - 1;
    }
    this.#stepWords.set([numTokens, numLogits, this.#maxBlocks]);
    const { device } = this;
    device.writeBuffer(this.#step.step, this.#stepWords);
    device.writeBuffer(this.#step.tokens, this.#tokenWords.subarray(0, TOKEN_WORDS * numTokens));
    device.writeBuffer(
      this.#step.blockTables,
      this.#tableWords.subarray(0, this.#maxBlocks * entries.length),
    );
    if (numLogits > 0) {
      device.writeBuffer(this.#step.logitsRows, this.#rowWords.subarray(0, numLogits));
    }
    return { numTokens, numLogits };
  }

  destroy(): void {
    this.#weights.destroy();
    this.#ops.destroy();
    for (const resource of this.#resources) resource.destroy();
    this.#readback.destroy();
  }
}

/** Row length of the block tables. */
function maxBlocksOf({ memory }: ModelPlan): number {
  return Math.ceil(memory.contextLength / memory.blockSize);
}
