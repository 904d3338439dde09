/**
 * Runs a model on our own kernels.
 *
 * @module
 */
import type { ModelPackage } from "../../formats/mod.ts";
import type { GpuDevice, TimestampTrace } from "../../gpu/mod.ts";
import {
  type GreedyRun,
  MAX_GREEDY_STEPS,
  type Runner,
  type RunnerEntry,
  type RunnerLimits,
} from "../../runtime/runner.ts";
import type { ShapeStore } from "./autotune.ts";
import { WeightsLoading } from "./load_weights.ts";
import { type ModelPlan, type ModelPlanOptions, planModel, runnerLimits } from "./model_plan.ts";
import { RecordedModel } from "./recorded_model.ts";
import { shapeOf } from "./step_batch.ts";

/** Options of {@linkcode WgslRunner.load}. */
export interface WgslRunnerOptions extends ModelPlanOptions {
  /** Share from 0 to 1, and what is being done. */
  onProgress?: (share: number, stage: string) => void;
  /** Where times of kernels are kept, by which their shapes are chosen; absent takes the shapes that suit most devices. */
  shapes?: ShapeStore;
  /** As {@linkcode LoadWeightsOptions.minWorkerBytes}. */
  minWorkerBytes?: number;
}

/** A decoder on our kernels. */
export class WgslRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly plan: ModelPlan;
  readonly device: GpuDevice;
  readonly #model: RecordedModel;

  private constructor(device: GpuDevice, plan: ModelPlan, model: RecordedModel) {
    this.device = device;
    this.plan = plan;
    this.limits = runnerLimits(plan);
    this.#model = model;
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
    const { onProgress = () => {}, shapes, minWorkerBytes, ...sizes } = options;
    const plan = planModel(pkg, device.info, sizes);
    using loading = await WeightsLoading.begin(device, pkg, {
      plan,
      onProgress: (share) => onProgress(0.9 * share, "loading weights"),
      ...(minWorkerBytes === undefined ? {} : { minWorkerBytes }),
    });
    const { weights } = loading;
    // They end with the model, once there is one.
    const model = await device.between(
      () => loading.advance(),
      () => RecordedModel.create(device, { plan, weights }),
    ).catch((error) => {
      weights.destroy();
      throw error;
    });
    try {
      await loading.finish();
      onProgress(0.9, "compiling kernels");
      if (shapes) {
        await model.tune(shapes, (share) => onProgress(0.9 + 0.05 * share, "tuning kernels"));
      }
      await model.warmUp((share) => onProgress(0.95 + 0.05 * share, "compiling kernels"));
      await loading.check();
    } catch (error) {
      model.destroy();
      throw error;
    }
    onProgress(1, "ready");
    return new WgslRunner(device, plan, model);
  }

  /** Set while measuring: every dispatch is timed, the step gets slower. */
  set trace(trace: TimestampTrace | null) {
    this.#model.forward.trace = trace;
  }

  prepareMore(): Promise<boolean> {
    return this.#model.prepareMore();
  }

  /** As {@linkcode prepareMore}, all of it at once and whether it is likely to be needed or not. */
  async prepareAll(): Promise<void> {
    await this.#model.prepareAll();
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    return await this.#model.compute(this.#model.forward, this.#model.writer.write(entries));
  }

  async runGreedy(
    entries: readonly RunnerEntry[],
    { numSteps, numChoices }: GreedyRun,
  ): Promise<Uint32Array> {
    assertGreedy(entries, { numSteps, numChoices }, this.limits);
    const batch = this.#model.writer.write(entries);
    this.#model.boundChoices(numChoices);
    // One shape for all steps, that of the last one, so that their commands are alike.
    const shape = shapeOf(batch.tokens, entries.length, numSteps);
    const rows = await this.#model.compute(this.#model.greedy, batch, { shape, count: numSteps });
    const chosen = new Uint32Array(rows.buffer, 0, rows.length);
    const numEntries = entries.length;
    return Uint32Array.from({ length: numSteps * numEntries }, (_, i) => {
      const position = entries[i % numEntries]!.firstPosition + Math.floor(i / numEntries);
      return chosen[(position % MAX_GREEDY_STEPS) * numEntries + i % numEntries]!;
    });
  }

  destroy(): void {
    this.#model.destroy();
  }
}

/** Throws where {@linkcode WgslRunner.runGreedy} would write to slots that a sequence does not have, or read what is not there. */
function assertGreedy(
  entries: readonly RunnerEntry[],
  { numSteps, numChoices }: GreedyRun,
  { vocabSize, blockSize }: RunnerLimits,
): void {
  if (!(Number.isInteger(numSteps) && numSteps >= 1 && numSteps <= MAX_GREEDY_STEPS)) {
    throw new RangeError(`${numSteps} greedy steps; 1 to ${MAX_GREEDY_STEPS} are possible`);
  }
  if (!(Number.isInteger(numChoices) && numChoices >= 1 && numChoices <= vocabSize)) {
    throw new RangeError(`${numChoices} ids to choose from; the model has ${vocabSize}`);
  }
  for (const { sequence, tokens, firstPosition, blocks, numLogits } of entries) {
    if (tokens.length !== 1 || numLogits !== 1) {
      throw new RangeError(
        `Sequence ${sequence} has ${tokens.length} tokens and ${numLogits} logits rows; greedy steps need one of each`,
      );
    }
    const numSlots = blockSize * blocks.length;
    if (firstPosition + numSteps > numSlots) {
      throw new RangeError(
        `The blocks of sequence ${sequence} hold ${numSlots} tokens, ${numSteps} steps need ${
          firstPosition + numSteps
        }`,
      );
    }
  }
}
