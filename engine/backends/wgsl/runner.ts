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
  roundContextLength,
  type StepShape,
  type TimestampTrace,
} from "../../gpu/mod.ts";
import { type Activations, computeRopeFrequencies, computeRopeTable } from "../../models/mod.ts";
import type { Operations, StepBuffers } from "../../ops/mod.ts";
import type { Runner, RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";
import { type ShapeStore, tuneKernels } from "./autotune.ts";
import { type LoadedWeights, loadWeights } from "./load_weights.ts";
import { type ModelPlan, type ModelPlanOptions, planModel } from "./model_plan.ts";
import { describeKernels } from "./step_costs.ts";
import { StepCommands } from "./step_commands.ts";
import { FirstDispatches, WARM_UP_TOKENS } from "./warm_up.ts";

/** Words of a `Token` and of `Step` in kernels/lib/step.wgsl. */
const TOKEN_WORDS = 4;
const STEP_WORDS = 4;

/** Options of {@linkcode WgslRunner.load}. */
export interface WgslRunnerOptions extends ModelPlanOptions {
  /** Share from 0 to 1, and what is being done. */
  onProgress?: (share: number, stage: string) => void;
  /** Where times of kernels are kept, by which their shapes are chosen; absent takes the shapes that suit most devices. */
  shapes?: ShapeStore;
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
  readonly #commands = new StepCommands((shape) => this.#encode(shape));
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
      maxLogitsRows: memory.maxLogitsRows,
      contextLength: memory.contextLength,
      numBlocks: memory.numBlocks,
      blockSize: memory.blockSize,
      vocabSize: config.vocabSize,
      canShareBlocks: true,
      canRewind: true, // slots are overwritten
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
    this.#rowWords = new Uint32Array(memory.maxLogitsRows);
    this.#readback = new Readback(
      parts.device.raw,
      4 * config.vocabSize * memory.maxLogitsRows,
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
    const { onProgress = () => {}, shapes, ...sizes } = options;
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
    if (shapes) {
      await runner.#tune(shapes, (share) => onProgress(0.9 + 0.05 * share, "tuning kernels"));
    }
    await runner.#warmUp((share) => onProgress(0.95 + 0.05 * share, "compiling kernels"));
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
      logitsRows: create("logits rows", memory.maxLogitsRows),
    };
    const activations: Activations = {
      hidden: create("hidden", config.hiddenSize * memory.maxStepTokens),
      logits: create("logits", config.vocabSize * memory.maxLogitsRows),
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
    // A driver clears new memory at its first use: asked now, one on the CPU does so while kernels are compiled here.
    for (const { keys, values } of kv) for (const cache of [keys, values]) device.touch(cache);
    device.flush();
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

  /** Takes the fastest shapes of kernels, where there is a choice; before any step is encoded. */
  async #tune(store: ShapeStore, onProgress: (share: number) => void): Promise<void> {
    const { maxStepTokens } = this.limits;
    const all = await this.#ops.tunables?.() ?? [];
    const tunables = all.filter(({ numTokens }) => numTokens <= maxStepTokens);
    if (tunables.length === 0) return;
    const on = describeKernels(this.plan, this.device.info);
    const known = await store.read(on);
    const measured = await tuneKernels(this.device, this.#step, tunables, { known, onProgress });
    if (measured.size > 0) await store.record(on, measured);
  }

  /**
   * Runs every entry point of every kernel once: drivers compile at the first dispatch, some for seconds. Block 0 is
   * overwritten later.
   */
  async #warmUp(onProgress: (share: number) => void): Promise<void> {
    const first = new FirstDispatches();
    for (const [i, numTokens] of WARM_UP_TOKENS.entries()) {
      const shape = this.#writeStep([{
        sequence: -1,
        tokens: new Array<number>(numTokens).fill(0),
        firstPosition: 0,
        blocks: [0],
        numLogits: numTokens,
      }]);
      const commands = this.#encode(shape, first.take(this.#dispatches, shape));
      this.device.raw.queue.submit([commands]);
      await this.#readback.read(this.#logitsBytes(shape));
      onProgress((i + 1) / WARM_UP_TOKENS.length);
    }
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    this.device.assertAlive();
    const shape = this.#writeStep(entries);
    // While it is measured, every step has passes of its own.
    const commands = this.trace === null ? this.#commands.take(shape) : this.#encode(shape);
    this.device.raw.queue.submit([commands]);
    if (shape.numLogits === 0) return new Float32Array(0);
    this.#commands.prepare();
    return new Float32Array(await this.#readback.read(this.#logitsBytes(shape)));
  }

  #encode(shape: StepShape, dispatches = this.#dispatches): GPUCommandBuffer {
    const encoder = this.device.raw.createCommandEncoder({ label: "step" });
    replay(encoder, dispatches, shape, this.trace ?? undefined);
    if (shape.numLogits > 0) this.#readback.copy(encoder, this.#logits, this.#logitsBytes(shape));
    return encoder.finish();
  }

  #logitsBytes({ numLogits }: StepShape): number {
    return 4 * numLogits * this.limits.vocabSize;
  }

  /** Describes the batch to the kernels. */
  #writeStep(entries: readonly RunnerEntry[]): StepShape {
    const { blockSize } = this.limits;
    let numTokens = 0;
    let numRows = 0;
    let maxPosition = 0;
    let hasNewBlocks = false;
    for (let sequence = 0; sequence < entries.length; sequence++) {
      const { tokens, firstPosition, blocks, numLogits } = entries[sequence]!;
      if (this.#setBlocks(sequence, blocks)) hasNewBlocks = true;
      for (let i = 0; i < tokens.length; i++) {
        const position = firstPosition + i;
        const word = TOKEN_WORDS * numTokens++;
        this.#tokenWords[word] = tokens[i]!;
        this.#tokenWords[word + 1] = position;
        this.#tokenWords[word + 2] = blocks[Math.floor(position / blockSize)]! * blockSize +
          position % blockSize;
        this.#tokenWords[word + 3] = sequence;
      }
      maxPosition = Math.max(maxPosition, firstPosition + tokens.length - 1);
      for (let i = numLogits; i > 0; i--) this.#rowWords[numRows++] = numTokens - i;
    }
    this.#stepWords[0] = numTokens;
    this.#stepWords[1] = numRows;
    this.#stepWords[2] = this.#maxBlocks;
    const { device } = this;
    device.writeBuffer(this.#step.step, this.#stepWords);
    device.writeBuffer(this.#step.tokens, this.#tokenWords.subarray(0, TOKEN_WORDS * numTokens));
    if (hasNewBlocks) {
      const numWords = this.#maxBlocks * entries.length;
      device.writeBuffer(this.#step.blockTables, this.#tableWords.subarray(0, numWords));
    }
    if (numRows > 0) {
      device.writeBuffer(this.#step.logitsRows, this.#rowWords.subarray(0, numRows));
    }
    return { numTokens, numLogits: numRows, contextLength: roundContextLength(maxPosition) };
  }

  /** Fills a row of the block tables; false where it was the same already. */
  #setBlocks(sequence: number, blocks: readonly number[]): boolean {
    const first = sequence * this.#maxBlocks;
    let isNew = false;
    for (let i = 0; i < blocks.length; i++) {
      if (this.#tableWords[first + i] === blocks[i]) continue;
      this.#tableWords[first + i] = blocks[i]!;
      isNew = true;
    }
    return isNew;
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
