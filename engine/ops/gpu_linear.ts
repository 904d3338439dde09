/**
 * Linear layers of the gpu set: an entry point for one token and one for tiles of four.
 *
 * @module
 */
import type { Elem, Kernel } from "../../kernels/mod.ts";
import type { Dispatch, GpuDevice, GpuResource, Overrides } from "../gpu/mod.ts";
import type { Count } from "./dispatch.ts";

/** Options of {@linkcode createLinearDispatch}. */
export interface LinearDispatchOptions {
  readonly resources: readonly GpuResource[];
  readonly overrides: Overrides;
  readonly elem?: Elem;
  /** Workgroups along the rows. */
  readonly x: number;
  /** Tokens of the batch. */
  readonly count: Count;
}

/** Tokens of a tile of every `…_gemm` kernel. */
const NUM_TILE_TOKENS = 4;

/** A layer with an entry point for one token, `…_gemv`, and one for tiles of four, `…_gemm`. */
export async function createLinearDispatch(
  device: GpuDevice,
  kernel: Kernel,
  { resources, overrides, elem, x, count }: LinearDispatchOptions,
): Promise<Dispatch> {
  const [gemv, gemm] = await Promise.all(
    kernel.entries.map((entry) => device.pipeline(kernel, entry, overrides, elem)),
  );
  return {
    kernel: kernel.name,
    bindGroup: device.bind(kernel, resources),
    pipeline: (shape) => count(shape) === 1 ? gemv! : gemm!,
    workgroupsX: () => x,
    workgroupsY(shape) {
      const numTokens = count(shape);
      return numTokens === 1 ? 1 : Math.ceil(numTokens / NUM_TILE_TOKENS);
    },
  };
}

/** Overrides that lib/linear.wgsl asks for. */
export function linearOverrides(
  weight: { numCols: number; numRows: number },
  part: { numRows: number; rowOffset: number },
  options: { bias?: GPUBuffer; accumulate?: boolean; onLogits?: boolean; softCap?: number },
): Record<string, number | boolean> {
  return {
    K: weight.numCols,
    N: weight.numRows,
    NUM_ROWS: part.numRows,
    ROW_OFFSET: part.rowOffset,
    HAS_BIAS: options.bias !== undefined,
    ACCUMULATE: options.accumulate ?? false,
    ON_LOGITS: options.onLogits ?? false,
    SOFT_CAP: options.softCap ?? 0,
  };
}
