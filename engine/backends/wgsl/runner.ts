/**
 * Runs a model on our own kernels, all of it on one device.
 *
 * @module
 */
import { type ModelPackage, readTensors } from "../../formats/mod.ts";
import type { GpuDevice, TimestampTrace } from "../../gpu/mod.ts";
import type { Runner, RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";
import type { ShapeStore } from "./autotune.ts";
import { loadWeights } from "./load_weights.ts";
import { type ModelPlan, type ModelPlanOptions, planModel, runnerLimits } from "./model_plan.ts";
import { Stage } from "./stage.ts";
import { StepWriter } from "./step_batch.ts";

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
  readonly #stage: Stage;
  readonly #writer: StepWriter;

  private constructor(device: GpuDevice, plan: ModelPlan, stage: Stage) {
    this.device = device;
    this.plan = plan;
    this.limits = runnerLimits(plan);
    this.#stage = stage;
    this.#writer = new StepWriter(this.limits);
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
    const stage = plan.stages[0]!;
    const weights = await loadWeights(device, {
      what: `the weights of ${pkg.dir}`,
      plan,
      stage,
      tensors: readTensors(pkg),
      onProgress: (numBytes) => onProgress(0.9 * numBytes / pkg.weightsBytes, "loading weights"),
    });
    onProgress(0.9, "compiling kernels");
    const only = await Stage.create(device, { plan, stage, weights });
    if (shapes) {
      await only.tune(shapes, (share) => onProgress(0.9 + 0.05 * share, "tuning kernels"));
    }
    await only.warmUp((share) => onProgress(0.95 + 0.05 * share, "compiling kernels"));
    onProgress(1, "ready");
    return new WgslRunner(device, plan, only);
  }

  /** Set while measuring: every dispatch is timed, the step gets slower. */
  set trace(trace: TimestampTrace | null) {
    this.#stage.whole.trace = trace;
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    const batch = this.#writer.write(entries);
    this.#stage.write(batch);
    this.#stage.whole.submit(batch.shape);
    return await this.#stage.whole.read(batch.shape);
  }

  destroy(): void {
    this.#stage.destroy();
  }
}
