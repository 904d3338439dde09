/**
 * A recorded part of a step that is replayed for every batch, with its output.
 *
 * @module
 */
import {
  type Dispatch,
  type GpuDevice,
  Readback,
  replay,
  type StepShape,
  type TimestampTrace,
} from "../../gpu/mod.ts";
import { StepCommands } from "./step_commands.ts";
import type { FirstDispatches } from "./warm_up.ts";

/** What a {@linkcode StepPass} is made from. */
export interface StepPassOptions {
  readonly dispatches: readonly Dispatch[];
  /** [rows, rowLength] f32 or words. */
  readonly output: GPUBuffer;
  readonly rowLength: number;
  readonly maxRows: number;
  /** Rows that a batch leaves in the output. */
  readonly numRows: (shape: StepShape) => number;
}

/** Creates nothing on the device for a batch. */
export class StepPass {
  /** Set while measuring: every dispatch is timed, the pass gets slower. */
  trace: TimestampTrace | null = null;
  readonly #device: GpuDevice;
  readonly #options: StepPassOptions;
  readonly #commands = new StepCommands((shape) => this.#encode(shape));
  /** Made when it is needed: not every pass of a stage is run. */
  #staging: Readback | null = null;

  constructor(device: GpuDevice, options: StepPassOptions) {
    this.#device = device;
    this.#options = options;
  }

  get #readback(): Readback {
    const { rowLength, maxRows } = this.#options;
    const { raw, hasFastReadback } = this.#device;
    this.#staging ??= new Readback(raw, 4 * rowLength * maxRows, { isFast: hasFastReadback });
    return this.#staging;
  }

  /**
   * Begins to compute.
   *
   * @param count times, one behind the other: for a pass that leaves the next batch
   * @throws {DeviceError} the device was lost
   */
  submit(shape: StepShape, count = 1): void {
    this.#device.assertAlive();
    for (let i = 0; i < count; i++) {
      // While it is measured, every batch has commands of its own.
      const commands = this.trace === null
        ? this.#commands.take(shape, count)
        : this.#encode(shape);
      this.#device.raw.queue.submit([commands]); // at once: the next ones may have to be encoded first
    }
  }

  /**
   * Waits for what {@linkcode submit} began; at once where it has no output.
   *
   * @returns [rows, rowLength] f32, or words as they are
   */
  async read(shape: StepShape): Promise<Float32Array<ArrayBuffer>> {
    const size = this.#outputBytes(shape);
    if (size === 0) return new Float32Array(0);
    this.#commands.prepare();
    return new Float32Array(await this.#readback.read(size));
  }

  /** Runs those dispatches that are unlike all that `first` has seen. */
  async warmUp(shape: StepShape, first: FirstDispatches): Promise<void> {
    const some = first.take(this.#options.dispatches, shape);
    this.#device.raw.queue.submit([this.#encode(shape, some)]);
    await this.#readback.read(this.#outputBytes(shape));
  }

  #encode(shape: StepShape, dispatches = this.#options.dispatches): GPUCommandBuffer {
    const { output } = this.#options;
    const encoder = this.#device.raw.createCommandEncoder({ label: "step" });
    replay(encoder, dispatches, shape, this.trace ?? undefined);
    const size = this.#outputBytes(shape);
    if (size > 0) this.#readback.copy(encoder, output, size);
    return encoder.finish();
  }

  #outputBytes(shape: StepShape): number {
    const { rowLength, numRows } = this.#options;
    return 4 * rowLength * numRows(shape);
  }

  destroy(): void {
    this.#staging?.destroy();
  }
}
