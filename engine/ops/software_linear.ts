/**
 * Linear layers of the software set: which kernel, which entry point, how many workgroups.
 *
 * @module
 */
import {
  GEMM_TOKENS,
  type LinearKernelOptions,
  MAX_SHORT_TILES,
  SOFTWARE_KERNELS,
} from "../../kernels/mod.ts";
import {
  countSoftwareThreads,
  type Dispatch,
  type GpuDevice,
  type GpuResource,
  type Overrides,
} from "../gpu/mod.ts";
import type { Count } from "./dispatch.ts";
import { numGroupsOf } from "./matrix.ts";
import type { Activation, Matrix, MatrixPart } from "./operations.ts";
import { softwareActivation } from "./software_activations.ts";
import { numTilesOf, tileOverrides, tileShapeOf, weightFormatOf } from "./tiled_matrices.ts";

/** From this many tiles on a workgroup takes two for a single token: half the loads of x, and still enough to share. */
const MIN_WIDE_TILES = 32;

/** A layer's input, its part of the weights and how it ends. */
export interface SoftwareLinearOptions {
  readonly x: Activation;
  readonly weight: Matrix;
  readonly part: MatrixPart;
  readonly end: Pick<LinearKernelOptions, "end" | "staged" | "kvElem">;
  /** Bindings of the end. */
  readonly resources: readonly GpuResource[];
  /** Overrides of the end. */
  readonly overrides: Overrides;
  /**
   * Workgroups, where the end joins two blocks a lane.
   * @default all tiles of the part
   */
  readonly numTiles?: number;
  /** Rows of the batch. */
  readonly count: Count;
}

/** Compiles the layer's entry points and binds it. */
export async function createSoftwareLinear(
  device: GpuDevice,
  step: GPUBuffer,
  options: SoftwareLinearOptions,
): Promise<Dispatch> {
  const { weight, part, end, count } = options;
  const { numTiles = numTilesOf(part.numRows) } = options;
  const x = softwareActivation(options.x);
  const format = weightFormatOf(weight);
  const isShort = format === "q4_int8_rows";
  const kernel = SOFTWARE_KERNELS.linear({
    format,
    isNormed: x.squares !== null,
    ...(isShort ? { numGroups: numGroupsOf(weight) } : {}),
    ...end,
  });
  const overrides = {
    K: weight.numCols,
    STEPS: tileShapeOf(weight).numSteps,
    ...tileOverrides(weight),
    ...(x.squares ? { NORM_TILES: numTilesOf(weight.numCols) } : {}),
    ...options.overrides,
  };
  const isWide = kernel.entries.includes(`${kernel.name}_wide`) && numTiles >= MIN_WIDE_TILES;
  const entry = (suffix: string, more: Overrides = {}) =>
    device.pipeline(kernel, `${kernel.name}_${suffix}`, { ...overrides, ...more });
  const [one, ...tiles] = await Promise.all([
    isShort ? entry("gemv", { NUM_TILES: numTiles }) : entry(isWide ? "wide" : "gemv"),
    ...GEMM_TOKENS.map((numTokens) => entry(`gemm${numTokens}`)),
  ]);
  const numOneWorkgroups = isShort
    ? numShortWorkgroups(numTiles)
    : isWide
    ? Math.ceil(numTiles / 2)
    : numTiles;
  return {
    kernel: kernel.name,
    bindGroup: device.bind(kernel, [step, ...x.resources, ...part.resources, ...options.resources]),
    pipeline(shape) {
      const numTokens = count(shape);
      return numTokens === 1 ? one! : tiles[tileIndexOf(numTokens)]!;
    },
    workgroupsX(shape) {
      const numTokens = count(shape);
      return numTokens === 1 ? 1 : Math.ceil(numTokens / GEMM_TOKENS[tileIndexOf(numTokens)]!);
    },
    workgroupsY: (shape) => count(shape) === 1 ? numOneWorkgroups : numTiles,
  };
}

/** The smallest tile that takes a batch at once, or the largest. */
function tileIndexOf(numTokens: number): number {
  const index = GEMM_TOKENS.findIndex((tile) => numTokens <= tile);
  return index < 0 ? GEMM_TOKENS.length - 1 : index;
}

/** As few as may be, in equal shares of the threads: each loads all of x. */
function numShortWorkgroups(numTiles: number): number {
  const numThreads = countSoftwareThreads();
  const numRounds = Math.ceil(numTiles / MAX_SHORT_TILES / numThreads);
  return Math.min(numTiles, numThreads * numRounds);
}
