/**
 * Recorded dispatches that are replayed for every batch, with their output.
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

/** What a {@linkcode StepPass} is made from. */
export interface StepPassOptions {
  readonly dispatches: readonly Dispatch[];
  /** [L, rowLength] f32 or words. */
  readonly output: GPUBuffer;
  readonly rowLength: number;
  /** L stays at or below it. */
  readonly maxRows: number;
  /** Where the dispatches say how often they have given up; absent where they never do. See {@linkcode Operations.failures}. */
  readonly failures?: GPUBuffer;
}

const COUNTER_BYTES = 4;

/** Creates nothing on the device for a batch. */
export class StepPass {
  /** Set while measuring: every dispatch is timed, the pass gets slower. */
  trace: TimestampTrace | null = null;
  readonly #device: GpuDevice;
  readonly #options: StepPassOptions;
  readonly #commands = new StepCommands((shape) => this.#encode(shape));
  readonly #readback: Readback;
  #hasFailed = false;
  /** Why the device refused what was submitted last; null where it did not. */
  #refusal: Promise<GPUError | null> = Promise.resolve(null);

  constructor(device: GpuDevice, options: StepPassOptions) {
    this.#device = device;
    this.#options = options;
    const size = 4 * options.rowLength * options.maxRows + COUNTER_BYTES;
    this.#readback = new Readback(device.raw, size, { isFast: device.hasFastReadback });
  }

  /** Whether what was read last is worthless, since dispatches gave up. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Begins to compute.
   *
   * @param count times, one behind the other: for a pass that leaves the next batch
   * @throws {DeviceError} the device was lost
   */
  submit(shape: StepShape, count = 1): void {
    this.#device.assertAlive();
    const { raw } = this.#device;
    raw.pushErrorScope("validation");
    for (let i = 0; i < count; i++) {
      // While it is measured, every batch has commands of its own.
      const commands = this.trace === null
        ? this.#commands.take(shape, count)
        : this.#encode(shape);
      raw.queue.submit([commands]); // at once: the next ones may have to be encoded first
    }
    this.#refusal = raw.popErrorScope();
  }

  /**
   * Waits for what {@linkcode submit} began; at once where it has no output.
   *
   * @returns [L, rowLength] f32, or words as they are
   * @throws {Error} the device refused it: a bug, and what could be read would be of the batch before
   */
  async read(shape: StepShape): Promise<Float32Array<ArrayBuffer>> {
    const output = await this.#readOutput(shape);
    const refusal = await this.#refusal;
    if (refusal) throw new Error(`The device refused a step: ${refusal.message}`);
    return output;
  }

  async #readOutput(shape: StepShape): Promise<Float32Array<ArrayBuffer>> {
    const size = this.#outputBytes(shape);
    if (size === 0) return new Float32Array(0);
    if (!this.#options.failures) {
      this.#commands.prepare();
      return new Float32Array(await this.#readback.read(size));
    }
    // Fused dispatches are few, and run on all processors: to encode beside them would take one away.
    const bytes = await this.#readback.read(size + COUNTER_BYTES);
    this.#hasFailed = new Uint32Array(bytes, size)[0] !== 0;
    return new Float32Array(bytes, 0, size / 4);
  }

  /** Runs some dispatches by themselves, and waits for them. */
  async run(dispatches: readonly Dispatch[], shape: StepShape): Promise<void> {
    this.#device.raw.queue.submit([this.#encode(shape, dispatches)]);
    await this.#readback.read(this.#outputBytes(shape));
  }

  #encode(shape: StepShape, dispatches = this.#options.dispatches): GPUCommandBuffer {
    const { output, failures } = this.#options;
    const encoder = this.#device.raw.createCommandEncoder({ label: "step" });
    replay(encoder, dispatches, shape, this.trace ?? undefined);
    const size = this.#outputBytes(shape);
    if (size > 0) {
      this.#readback.copy(encoder, output, size);
      if (failures) this.#readback.copy(encoder, failures, COUNTER_BYTES, size);
    }
    return encoder.finish();
  }

  #outputBytes({ numLogits }: StepShape): number {
    return 4 * this.#options.rowLength * numLogits;
  }

  destroy(): void {
    this.#readback.destroy();
  }
}
