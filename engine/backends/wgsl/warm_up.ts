/**
 * What is dispatched once at a load, so that no request waits for a driver's compiler.
 *
 * @module
 */
import type { Dispatch, StepShape } from "../../gpu/mod.ts";

/** Tokens of the batches that between them run every entry point of both kernel sets. */
export const WARM_UP_TOKENS = [1, 8, 2, 4] as const;

/** As many of them are run at a load where the rest can wait: batches of 2 and 4 tokens then go through the entry points for 8. */
export const NUM_FIRST_WARM_UPS = 2;

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
