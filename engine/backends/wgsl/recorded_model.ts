/**
 * A model on its device: recorded once and replayed for every batch.
 *
 * @module
 */
import { destroyResources, type GpuDevice, type StepShape } from "../../gpu/mod.ts";
import { MAX_GREEDY_STEPS } from "../../runtime/runner.ts";
import { type ShapeStore, tuneKernels } from "./autotune.ts";
import { runnerLimits } from "./model_plan.ts";
import { type RecordedModelOptions, type Recording, recordModel } from "./record_model.ts";
import { maxBlocksOf, SPARE_BLOCK, STEP_WORDS, type StepBatch, StepWriter } from "./step_batch.ts";
import { describeKernels } from "./step_costs.ts";
import { StepPass } from "./step_pass.ts";
import { ThreadChoice } from "./thread_choice.ts";
import { WarmUp, type WarmUpStep } from "./warm_up.ts";

/** Of the steps of several sequences, one in as many is followed by a piece of what is left to be compiled for them. */
const BATCHES_A_PIECE = 2;

/** Computes steps: describes a batch, then submits a pass and reads what it leaves. */
export class RecordedModel {
  /** Leaves logits, [L, V] f32. */
  readonly forward: StepPass;
  /** Goes on to the tokens that the next step computes: [MAX_GREEDY_STEPS, L] u32, a ring by the position of the token before. */
  readonly greedy: StepPass;
  /** Describes batches. The only one, since it leaves out what the device has been told before. */
  readonly writer: StepWriter;
  readonly #device: GpuDevice;
  readonly #options: RecordedModelOptions;
  readonly #recording: Recording;
  readonly #stepWords = new Uint32Array(STEP_WORDS);
  /** By the tokens of a step. */
  readonly #threads = new Map<number, ThreadChoice>();
  #numBatches = 0;
  readonly #warmUp: WarmUp;

  private constructor(device: GpuDevice, options: RecordedModelOptions, recording: Recording) {
    const { plan } = options;
    const { config, memory } = plan;
    const { activations, dispatches, choice, ops: { failures } } = recording;
    const bounds = { maxRows: memory.maxLogitsRows, ...(failures && { failures }) };
    this.#device = device;
    this.#options = options;
    this.#recording = recording;
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
    return await device.guard("the KV cache and activations", async () => {
      const model = new RecordedModel(device, options, await recordModel(device, options));
      await model.#warmUp.prepare();
      return model;
    });
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
    const { plan } = this.#options;
    const { ops, step } = this.#recording;
    const all = await ops.tunables?.() ?? [];
    const tunables = all.filter(({ numTokens }) => numTokens <= plan.memory.maxStepTokens);
    if (tunables.length === 0) return;
    const on = describeKernels(plan, this.#device.info);
    const known = await store.read(on);
    const measured = await tuneKernels(this.#device, step, tunables, { known, onProgress });
    if (measured.size > 0) await store.record(on, measured);
  }

  /** Ids from `numChoices` on are not chosen by the steps that {@linkcode greedy} computes from here on. */
  boundChoices(numChoices: number): void {
    this.#stepWords[3] = numChoices;
  }

  /** Describes the next batch to the kernels. */
  #write({ shape, tokens, logitsRows, blockTables, numBlocks }: StepBatch): void {
    const { step, kv } = this.#recording;
    kv.reserve?.(numBlocks);
    this.#stepWords[0] = shape.numTokens;
    this.#stepWords[1] = shape.numLogits;
    this.#device.writeBuffer(step.step, this.#stepWords);
    this.#device.writeBuffer(step.tokens, tokens);
    if (blockTables.length > 0) this.#device.writeBuffer(step.blockTables, blockTables);
    if (logitsRows.length > 0) this.#device.writeBuffer(step.logitsRows, logitsRows);
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
    const { ops } = this.#recording;
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
      this.#device.writeBuffer(ops.failures!, new Uint32Array(ops.failures!.size / 4));
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
    const { ops, resources } = this.#recording;
    this.#options.weights.destroy();
    ops.destroy();
    destroyResources(resources);
    for (const pass of [this.forward, this.greedy]) pass.destroy();
  }
}
