/**
 * GPU time per kernel. Costs a pass for each dispatch, so it is for measurements only.
 *
 * @module
 */
import type { GpuDevice } from "./device.ts";

/** Two timestamps a pass. */
const MAX_PASSES = 1024;

/** Collects the time of every pass of one step, by kernel name. */
export class TimestampTrace {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #kernels: string[] = [];

  /** @throws {Error} the device has no timestamps; see `GpuDevice.hasTimestamps` */
  constructor(device: GpuDevice) {
    if (!device.hasTimestamps) throw new Error("The device cannot time passes");
    this.#device = device.raw;
    this.#querySet = device.raw.createQuerySet({ type: "timestamp", count: 2 * MAX_PASSES });
    this.#resolved = device.raw.createBuffer({
      label: "timestamps",
      size: 16 * MAX_PASSES,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Describes the next pass; passes beyond the first 1,024 of a step are not timed. */
  nextPass(kernel: string): GPUComputePassDescriptor {
    const pass = this.#kernels.length;
    if (pass >= MAX_PASSES) return { label: kernel };
    this.#kernels.push(kernel);
    return {
      label: kernel,
      timestampWrites: {
        querySet: this.#querySet,
        beginningOfPassWriteIndex: 2 * pass,
        endOfPassWriteIndex: 2 * pass + 1,
      },
    };
  }

  /** Reads the times of the passes since the last call, in ns by kernel name. The work must have been submitted. */
  async collect(): Promise<Map<string, number>> {
    const size = 16 * this.#kernels.length;
    const times = new Map<string, number>();
    if (size === 0) return times;
    const staging = this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#querySet, 0, 2 * this.#kernels.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(staging.getMappedRange());
    for (const [pass, kernel] of this.#kernels.entries()) {
      const ns = Number(stamps[2 * pass + 1]! - stamps[2 * pass]!);
      times.set(kernel, (times.get(kernel) ?? 0) + ns);
    }
    staging.destroy();
    this.#kernels.length = 0;
    return times;
  }
}
