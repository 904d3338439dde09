/**
 * What is dispatched once at a load, so that no request waits for a driver's compiler.
 *
 * @module
 */
import type { Dispatch, StepShape } from "../../gpu/mod.ts";
import type { StepBatch } from "./step_batch.ts";

/** A step that is run once. */
export interface WarmUpStep {
  readonly numTokens: number;
  readonly numLogits: number;
}

/** What a first answer takes: one token, and a prompt. */
const FIRST_STEPS: readonly WarmUpStep[] = [
  { numTokens: 1, numLogits: 1 },
  { numTokens: 8, numLogits: 1 },
];

/** Batches, which with those before run every entry point of both kernel sets. Until they have, others take their place. */
const BATCH_STEPS: readonly WarmUpStep[] = [2, 4, 8].map((numTokens) => ({
  numTokens,
  numLogits: numTokens,
}));

/** The one whose entry points a batch takes. */
function stepOf(batchSize: number): WarmUpStep {
  return BATCH_STEPS.find(({ numTokens }) => numTokens >= batchSize) ?? BATCH_STEPS.at(-1)!;
}

/** What a {@linkcode WarmUp} runs. */
export interface WarmUpParts {
  /** Of a step. */
  readonly dispatches: readonly Dispatch[];
  /** Describes a step of sequences that do not exist. */
  describe(step: WarmUpStep): StepBatch;
  /** Runs some of the dispatches by themselves, for what was described last. */
  run(batch: StepBatch, dispatches: readonly Dispatch[]): Promise<void>;
}

/** Runs every entry point once: a load those of the first steps, pauses those of batches. */
export class WarmUp {
  readonly #parts: WarmUpParts;
  readonly #first = new FirstDispatches();
  /** What is left, once the load is over. */
  readonly #left: { step: WarmUpStep; dispatch: Dispatch }[] = [];
  /** Of those that need it, the ones that were compiled on another thread. */
  readonly #aside = new Set<Dispatch>();
  #isCompilingAside = false;

  constructor(parts: WarmUpParts) {
    this.#parts = parts;
  }

  /** Compiles what {@linkcode begin} runs; needs no weights. */
  async prepare(): Promise<void> {
    const { dispatches, describe } = this.#parts;
    for (const step of FIRST_STEPS) {
      const { shape } = describe(step);
      for (const dispatch of dispatches) await dispatch.prepare?.(shape);
    }
  }

  /** For a load. @param onProgress share from 0 to 1 */
  async begin(onProgress: (share: number) => void): Promise<void> {
    const { dispatches } = this.#parts;
    const canWait = dispatches.some(({ prepare }) => prepare !== undefined);
    const steps = canWait ? FIRST_STEPS : [...FIRST_STEPS, ...BATCH_STEPS];
    for (const [i, step] of steps.entries()) {
      await this.#runOnce(step, dispatches);
      onProgress((i + 1) / steps.length);
    }
    if (!canWait) return;
    for (const step of BATCH_STEPS) {
      this.#left.push(...dispatches.map((dispatch) => ({ step, dispatch })));
    }
  }

  /**
   * A piece of the rest, a fraction of a second. What the driver may compile for seconds is compiled on another thread before.
   *
   * @param batchSize only what a batch of so many tokens takes
   * @returns false where none is left, or the next one is not ready yet
   */
  async goOn(batchSize?: number): Promise<boolean> {
    const wanted = batchSize === undefined ? null : stepOf(batchSize);
    while (!this.#isCompilingAside) {
      const next = this.#left.findIndex(({ step }) => wanted === null || step === wanted);
      if (next < 0) return false;
      const { step, dispatch } = this.#left[next]!;
      const { shape } = this.#parts.describe(step);
      const compiled = this.#aside.has(dispatch) ? null : dispatch.compileAside?.(shape) ?? null;
      if (compiled) {
        this.#aside.add(dispatch);
        this.#isCompilingAside = true;
        compiled.finally(() => this.#isCompilingAside = false);
        return false;
      }
      this.#left.splice(next, 1);
      if (await this.#runOnce(step, [dispatch])) return true;
    }
    return false;
  }

  /** All of the rest, at once. */
  async finish(): Promise<void> {
    for (const { step, dispatch } of this.#left.splice(0)) await this.#runOnce(step, [dispatch]);
  }

  /** Whether some of the dispatches were unlike all before. */
  async #runOnce(step: WarmUpStep, dispatches: readonly Dispatch[]): Promise<boolean> {
    const batch = this.#parts.describe(step);
    for (const dispatch of dispatches) await dispatch.prepare?.(batch.shape);
    const first = this.#first.take(dispatches, batch.shape);
    if (first.length > 0) await this.#parts.run(batch, first);
    return first.length > 0;
  }
}

/** Chooses the dispatches that are unlike all before: layers repeat each other, and a driver compiles for the first. */
class FirstDispatches {
  /** Grids by pipeline: for a weight of another size a driver may compile anew. */
  readonly #seen = new Map<GPUComputePipeline, Set<string>>();

  /** Those of a step in this shape. */
  take(dispatches: readonly Dispatch[], shape: StepShape): Dispatch[] {
    return dispatches.filter((dispatch) => {
      const x = dispatch.workgroupsX(shape);
      const y = dispatch.workgroupsY(shape);
      if (x === 0 || y === 0) return false;
      const pipeline = dispatch.pipeline(shape);
      const grids = this.#seen.get(pipeline) ?? new Set();
      const grid = `${x} ${y}`;
      if (grids.has(grid)) return false;
      this.#seen.set(pipeline, grids.add(grid));
      return true;
    });
  }
}
