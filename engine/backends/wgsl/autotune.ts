/**
 * Finds the fastest shapes of kernels on a device: times what was not timed before, as long as a load may take longer for it.
 * Every shape gives the same bits, so a poor choice costs speed and nothing else.
 *
 * @module
 */
import { type Dispatch, type GpuDevice, PassTimer, type StepShape } from "../../gpu/mod.ts";
import type { StepBuffers, Tunable } from "../../ops/mod.ts";

/** What a load may take longer, in ms; the next load goes on with what is left. */
const BUDGET_MS = 2000;

/** Time of a pass that is long enough to be told from another, in ms. */
const PASS_MS = 2;

/** Time of a pass above which some layers stand for all, in ms. */
const MAX_PASS_MS = 20;

const MAX_RUNS = 16;

/** Passes of each shape, in turn with those of the others; the fastest counts. */
const NUM_ROUNDS = 3;

/** Stands for the time of a shape that this driver does not compile; the default has compiled when layers were made. */
const NEVER_MS = 1e9;

/** Times of the shapes of one kernel, in ms for all of its layers. */
export type ShapeTimes = Readonly<Record<string, number>>;

/** By name of the kernel. */
export type TunedKernels = ReadonlyMap<string, ShapeTimes>;

/** What times are measured on. */
export interface ShapesMeasuredOn {
  readonly adapter: string;
  readonly kernelsVersion: number;
}

/** Keeps times between loads. */
export interface ShapeStore {
  /** What is known of an adapter. */
  read(on: ShapesMeasuredOn): Promise<TunedKernels>;
  /** Adds what was measured; a failure to keep it is the store's to report. */
  record(on: ShapesMeasuredOn, measured: TunedKernels): Promise<void>;
}

/** Options of {@linkcode tuneKernels}. */
export interface TuneOptions {
  /** What earlier loads measured on this adapter with these kernels. */
  readonly known: TunedKernels;
  /** @default two seconds */
  readonly budgetMs?: number;
  /** Share from 0 to 1 of the kernels. */
  readonly onProgress?: (share: number) => void;
}

/**
 * Times the shapes of which nothing is known and takes the fastest of each kernel. Writes to the step's buffers, to activations
 * and to slot 0 of the KV cache, so no sequence may use them yet.
 *
 * @param step buffers for a batch of as many tokens as any tunable wants
 * @returns kernels that were measured now, with all that is known of them
 * @throws {DeviceError} the device was lost
 */
export async function tuneKernels(
  device: GpuDevice,
  step: StepBuffers,
  tunables: readonly Tunable[],
  { known, budgetMs = BUDGET_MS, onProgress = () => {} }: TuneOptions,
): Promise<Map<string, ShapeTimes>> {
  const deadline = performance.now() + budgetMs;
  const tuned = new Map<string, ShapeTimes>();
  const timer = new PassTimer(device);
  try {
    for (const [i, tunable] of byWeight(tunables).entries()) {
      device.assertAlive();
      onProgress(i / tunables.length);
      const { name, shapes } = tunable;
      const earlier = tuned.get(name) ?? known.get(name) ?? {};
      const missing = shapes.filter((shape) => earlier[shape] === undefined);
      let times = earlier;
      if (missing.length > 0 && performance.now() < deadline) {
        describeStep(device, step, tunable.numTokens);
        // The best one so far is timed again: the device may be faster today.
        const best = shapes.length > missing.length ? [fastest(shapes, earlier)] : [];
        const now = await timeShapes(timer, tunable, [...best, ...missing], deadline);
        times = { ...earlier, ...now };
        if (Object.keys(now).length > 0) tuned.set(name, times);
      }
      await tunable.choose(fastest(shapes, times));
    }
  } finally {
    timer.destroy();
  }
  return tuned;
}

/** Single tokens, then prefill, then batches from the largest down; of each, what reads most first: time may not suffice for all. */
function byWeight(tunables: readonly Tunable[]): Tunable[] {
  const rank = ({ numTokens }: Tunable) => numTokens === 1 ? -Infinity : -numTokens;
  return tunables.toSorted((a, b) =>
    a.numTokens === b.numTokens ? b.weightBytes - a.weightBytes : rank(a) - rank(b)
  );
}

/** The shape of the least time; the first one, the default, where nothing was measured. */
function fastest(shapes: readonly string[], times: ShapeTimes): string {
  const timeOf = (shape: string) => times[shape] ?? NEVER_MS;
  return shapes.reduce((best, shape) => timeOf(shape) < timeOf(best) ? shape : best);
}

/** A batch of tokens that are all the same: the time does not depend on them. */
function describeStep(device: GpuDevice, step: StepBuffers, numTokens: number): void {
  device.writeBuffer(step.step, new Uint32Array([numTokens, numTokens, 1, 0]));
  device.writeBuffer(step.tokens, new Uint32Array(4 * numTokens));
}

/** Compiles shapes for half of the time that is left, and times them in turn for the other half; some may remain without a time. */
async function timeShapes(
  timer: PassTimer,
  tunable: Tunable,
  shapes: readonly string[],
  deadline: number,
): Promise<Record<string, number>> {
  const { numTokens } = tunable;
  const step: StepShape = { numTokens, numLogits: numTokens, contextLength: 1 };
  const start = performance.now();
  const compileDeadline = start + (deadline - start) / 2;
  const prepared: { shape: string; dispatches: Dispatch[] }[] = [];
  const times: Record<string, number> = {};
  for (const shape of shapes) {
    const dispatches = await tunable.prepare(shape).catch(() => null);
    if (dispatches === null) {
      times[shape] = NEVER_MS;
      continue;
    }
    // Drivers may compile at the first dispatch, so its time says nothing.
    await timer.time(dispatches.slice(0, 1), step);
    prepared.push({ shape, dispatches });
    if (performance.now() > compileDeadline) break;
  }
  const [first] = prepared;
  if (first === undefined) return times;
  const passMs = await timer.time(first.dispatches.slice(0, 1), step) * first.dispatches.length;
  const { numLayers, numRuns } = sizeOfPass(first.dispatches.length, passMs);
  for (let round = 0; round < NUM_ROUNDS; round++) {
    for (const { shape, dispatches } of prepared) {
      if (performance.now() > deadline) return times;
      const some = dispatches.slice(0, numLayers);
      const ms = await timer.time(some, step, numRuns) * dispatches.length / numLayers;
      times[shape] = Math.min(times[shape] ?? Infinity, ms);
    }
  }
  return times;
}

/** How many layers a timed pass has, and how often it runs them. */
function sizeOfPass(numLayers: number, ms: number): { numLayers: number; numRuns: number } {
  if (ms > MAX_PASS_MS) {
    return { numLayers: Math.max(1, Math.floor(numLayers * MAX_PASS_MS / ms)), numRuns: 1 };
  }
  return { numLayers, numRuns: Math.min(MAX_RUNS, Math.ceil(PASS_MS / ms)) };
}
