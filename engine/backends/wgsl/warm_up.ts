/**
 * What is dispatched once at a load, so that no request waits for a driver's compiler.
 *
 * @module
 */
import type { Dispatch, StepShape } from "../../gpu/mod.ts";

/** A step that is run once. */
export interface WarmUpStep {
  readonly numTokens: number;
  readonly numLogits: number;
}

/** What a first answer takes: one token, and a prompt. */
export const FIRST_STEPS: readonly WarmUpStep[] = [
  { numTokens: 1, numLogits: 1 },
  { numTokens: 8, numLogits: 1 },
];

/** Batches, which with those before run every entry point of both kernel sets. Until they have, others take their place. */
export const BATCH_STEPS: readonly WarmUpStep[] = [4, 8, 2].map((numTokens) => ({
  numTokens,
  numLogits: numTokens,
}));

/** Chooses the dispatches that are unlike all before: layers repeat each other, and a driver compiles for the first. */
export class FirstDispatches {
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
