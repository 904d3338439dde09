/**
 * Runs a model in two stages on two devices, each on its own core: the first layers here, the others and the head in a worker.
 * Two steps may be in flight: while the second stage computes one, the first computes the other. A step that is alone is cut into
 * pieces, which overlap in the same way. Steps and their pieces keep their order in both stages, so each token finds the keys and
 * values of those before it. The results are those of one device, bit by bit.
 *
 * @module
 */
import { type LoadedTensor, type ModelPackage, readTensors } from "../../formats/mod.ts";
import type { GpuDevice } from "../../gpu/mod.ts";
import type { Runner, RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";
import { loadWeights } from "./load_weights.ts";
import {
  type ModelPlan,
  planModel,
  runnerLimits,
  type StagePlan,
  type TensorTarget,
} from "./model_plan.ts";
import { choosePieceTokens } from "./pipeline_cut.ts";
import { RemoteStage } from "./remote_stage.ts";
import type { WgslRunnerOptions } from "./runner.ts";
import { Stage } from "./stage.ts";
import { cutBatch, StepWriter } from "./step_batch.ts";

/** Options of {@linkcode PipelinedRunner.load}. */
export interface PipelinedRunnerOptions extends Omit<WgslRunnerOptions, "numStages"> {
  /** The second stage's worker; tests change it. */
  workerUrl?: URL;
}

/** Without logits the next step begins while the second stage still computes this one. */
const NO_LOGITS = Promise.resolve(new Float32Array(0));

/** A decoder whose layers are on two devices. */
export class PipelinedRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly plan: ModelPlan;
  /** The first stage's. */
  readonly device: GpuDevice;
  readonly #first: Stage;
  readonly #second: RemoteStage;
  readonly #writer: StepWriter;
  #numRuns = 0;
  /** Resolves when the last step that came is through the first stage. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    device: GpuDevice,
    plan: ModelPlan,
    stages: { first: Stage; second: RemoteStage },
  ) {
    this.device = device;
    this.plan = plan;
    this.limits = runnerLimits(plan);
    this.#first = stages.first;
    this.#second = stages.second;
    this.#writer = new StepWriter(this.limits);
  }

  /**
   * Loads a package's weights into both stages, and compiles and warms up every kernel. The model has two layers at least.
   *
   * @throws {ModelInvalidError} the package is damaged or unsupported
   * @throws {DeviceError} not enough memory
   */
  static async load(
    device: GpuDevice,
    pkg: ModelPackage,
    { onProgress = () => {}, workerUrl, ...sizes }: PipelinedRunnerOptions = {},
  ): Promise<PipelinedRunner> {
    const options = { ...sizes, numStages: 2 as const };
    const plan = planModel(pkg, device.info, options);
    const second = new RemoteStage(pkg, { plan, options, url: workerUrl });
    let first: Stage | null = null;
    try {
      const stage = plan.stages[0]!;
      const weights = await loadWeights(device, {
        what: `the weights of ${pkg.dir}`,
        plan,
        stage,
        tensors: shareTensors(pkg, plan, {
          second,
          onProgress: (share) => onProgress(0.9 * share, "loading weights"),
        }),
      });
      onProgress(0.9, "compiling kernels");
      first = await Stage.create(device, { plan, stage, weights });
      await first.warmUp((share) => onProgress(0.9 + 0.1 * share, "compiling kernels"));
      await second.loaded;
      onProgress(1, "ready");
      return new PipelinedRunner(device, plan, { first, second });
    } catch (error) {
      second.destroy();
      first?.destroy();
      throw error;
    }
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    this.#numRuns++;
    try {
      const { logits } = await this.#inTurn(() => this.#feed(entries));
      return await logits;
    } finally {
      this.#numRuns--;
    }
  }

  /** Calls `use` when all that came before is through the first stage. */
  async #inTurn<T>(use: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(use);
    this.#turn = result.catch(() => {}); // the failure is this one's alone
    return await result;
  }

  /**
   * Computes the first layers and hands over what they leave.
   *
   * @returns the logits to come, in an object, since waiting for them would keep the next step from the first stage
   */
  async #feed(entries: readonly RunnerEntry[]): Promise<{ logits: Promise<Float32Array> }> {
    const step = this.#writer.write(entries);
    const { numTokens, numLogits } = step.shape;
    const { layers } = this.#first;
    for (const batch of cutBatch(step, choosePieceTokens(numTokens, this.#numRuns > 1))) {
      this.#first.write(batch);
      layers.submit(batch.shape);
      const hidden = await layers.read(batch.shape);
      await this.#second.post({ batch, hidden });
    }
    return { logits: numLogits === 0 ? NO_LOGITS : this.#second.takeLogits(numLogits) };
  }

  destroy(): void {
    this.#second.destroy();
    this.#first.destroy();
  }
}

/** Reads every tensor once: yields those of the first stage, and sends the second one its own. */
async function* shareTensors(
  pkg: ModelPackage,
  plan: ModelPlan,
  { second, onProgress }: { second: RemoteStage; onProgress: (share: number) => void },
): AsyncGenerator<LoadedTensor> {
  const [own, other] = plan.stages as [StagePlan, StagePlan];
  let numBytes = 0;
  for await (const tensor of readTensors(pkg)) {
    const target = plan.targets.get(tensor.info.name)!;
    // Sent first: whoever takes a tensor may change its bytes.
    if (isIn(other, target)) await second.sendTensor(tensor);
    if (isIn(own, target)) yield tensor;
    numBytes += tensor.info.nbytes;
    onProgress(numBytes / pkg.weightsBytes);
  }
  second.endTensors();
}

function isIn({ matrices, vectors }: StagePlan, { name }: TensorTarget): boolean {
  return matrices.has(name) || vectors.has(name);
}
