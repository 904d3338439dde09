/**
 * Times dispatches together, as a step runs them: by the device's clock where it has one, else by the host's.
 *
 * @module
 */
import type { GpuDevice } from "./device.ts";
import { Readback } from "./readback.ts";
import { type Dispatch, encodeDispatches, type StepShape } from "./recording.ts";

/** A begin and an end, u64 ns. */
const STAMPS_BYTES = 16;

/** Times one pass after the other. */
export class PassTimer {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet | null;
  readonly #stamps: GPUBuffer;
  readonly #readback: Readback;

  constructor({ raw, hasTimestamps, hasFastReadback }: GpuDevice) {
    this.#device = raw;
    this.#querySet = hasTimestamps ? raw.createQuerySet({ type: "timestamp", count: 2 }) : null;
    this.#stamps = raw.createBuffer({
      label: "pass timer",
      size: STAMPS_BYTES,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#readback = new Readback(raw, STAMPS_BYTES, { isFast: hasFastReadback });
  }

  /** Runs the dispatches `numRuns` times in one pass, and waits. @returns ms of one run */
  async time(dispatches: readonly Dispatch[], shape: StepShape, numRuns = 1): Promise<number> {
    const encoder = this.#device.createCommandEncoder({ label: "timed" });
    const querySet = this.#querySet;
    const pass = encoder.beginComputePass({
      label: "timed",
      ...(querySet && {
        timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
      }),
    });
    for (let run = 0; run < numRuns; run++) encodeDispatches(pass, dispatches, shape);
    pass.end();
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, this.#stamps, 0);
    const start = performance.now();
    const bytes = await this.#readback.submitAndRead(encoder, this.#stamps, STAMPS_BYTES);
    const hostMs = performance.now() - start;
    const [begin, end] = new BigUint64Array(bytes);
    const deviceMs = Number(end! - begin!) / 1e6;
    // Some drivers leave stamps at zero.
    return (deviceMs > 0 ? deviceMs : hostMs) / numRuns;
  }

  /** Frees what it allocated. */
  destroy(): void {
    this.#querySet?.destroy();
    this.#stamps.destroy();
    this.#readback.destroy();
  }
}
