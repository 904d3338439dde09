/**
 * How the kernels of the gpu set share their work among invocations. Every shape gives the same bits; they differ in speed.
 *
 * @module
 */
import type { AdapterKind, GpuDevice } from "../gpu/mod.ts";
import type { Matrix } from "./operations.ts";

/** Shape of a gemv for a single token. */
export interface GemvShape {
  /** Rows that an invocation sums. */
  readonly rows: 1 | 2 | 4;
  /** Blocks of rows a workgroup. */
  readonly rowThreads: number;
  /** Whether lanes are added up by shuffles. */
  readonly hasSubgroups: boolean;
}

/** Shape of a gemm. */
export interface GemmShape {
  /** Tokens that an invocation sums. */
  readonly gemmColumns: 4 | 8;
  /** Row lanes: a workgroup is 8 times as large, and takes 4 times as many rows. */
  readonly gemmRowLanes: 8 | 16;
  /** Whether weights lie in workgroup memory as f16, which holds the codes of q4 exactly; other formats have no such form. */
  readonly hasHalfTiles: boolean;
}

/** Shape of one linear layer. */
export interface LinearShape extends GemvShape, GemmShape {}

/** Shapes of all kernels of one model. */
export interface GpuShapes {
  /** Workgroup size of kernels that work row by row. */
  readonly rowThreads: number;
  /** Shape of a linear layer. */
  linear(weight: Pick<Matrix, "numRows" | "numCols" | "format" | "elem">): LinearShape;
}

/** What a layer takes that nobody has measured. */
export const DEFAULT_LINEAR_SHAPE: LinearShape = {
  rows: 4,
  rowThreads: 2,
  hasSubgroups: false,
  gemmColumns: 4,
  gemmRowLanes: 16,
  hasHalfTiles: false,
};

/** Shapes by kind of adapter, without any measurement. */
export const DEFAULT_SHAPES: Record<AdapterKind, GpuShapes> = {
  gpu: { rowThreads: 64, linear: () => DEFAULT_LINEAR_SHAPE },
  software: {
    rowThreads: 8,
    linear: () => ({ ...DEFAULT_LINEAR_SHAPE, rowThreads: 1, gemmRowLanes: 8 }),
  },
};

/** The shapes that suit a device; one with little workgroup memory gets smaller tiles. */
export function chooseShapes({ info, raw }: GpuDevice): GpuShapes {
  const shapes = DEFAULT_SHAPES[info.kind];
  const largest = gemmBytes({ ...DEFAULT_LINEAR_SHAPE, gemmRowLanes: 16 }, 2);
  if (raw.limits.maxComputeWorkgroupStorageSize >= largest) return shapes;
  return { ...shapes, linear: (weight) => ({ ...shapes.linear(weight), gemmRowLanes: 8 }) };
}

/** What bounds the shapes of a layer. */
export interface LayerBounds {
  readonly numLanes: number;
  /** Blocks of rows that end together. */
  readonly numBlocks: number;
  /** Neighbouring rows that end together. */
  readonly minRows: number;
  readonly format: Matrix["format"];
  /** Invocations that surely lie in one subgroup in order. */
  readonly orderedLanes: number;
}

/** Sums that an invocation holds in variables. */
export const MAX_SUMS = 32;

/** Rows and row threads that published kernels have: 4 to 16 rows a workgroup. */
const LIKELY_SHAPES = [[4, 2], [4, 1], [2, 4], [2, 2], [4, 4], [1, 4]] as const;

/** Beyond these, for devices that are unlike most. */
const OTHER_SHAPES = [[1, 8], [2, 8], [4, 8], [2, 1], [1, 2], [1, 1]] as const;

/**
 * The gemv shapes for a number of tokens that a device can run, the likely ones first. A single token also has unlikely ones, and
 * shuffles where lanes lie in their subgroup in order.
 */
export function listGemvShapes(
  { raw }: GpuDevice,
  bounds: LayerBounds,
  columns: number,
): GemvShape[] {
  const { numLanes, numBlocks, minRows, orderedLanes } = bounds;
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize } = raw.limits;
  const plain = (shapes: typeof LIKELY_SHAPES | typeof OTHER_SHAPES): GemvShape[] =>
    shapes.map(([rows, rowThreads]) => ({ rows, rowThreads, hasSubgroups: false }));
  const likely = plain(LIKELY_SHAPES);
  const shuffling = orderedLanes >= numLanes
    ? likely.map((shape) => ({ ...shape, hasSubgroups: true }))
    : [];
  const all = columns > 1 ? likely : [...likely, ...shuffling, ...plain(OTHER_SHAPES)];
  return all.filter(({ rows, rowThreads, hasSubgroups }) => {
    const numThreads = numLanes * rowThreads;
    const bytes = hasSubgroups ? 0 : 4 * numThreads * columns * (rows * numBlocks + 1);
    return rows >= minRows && rows * columns * numBlocks <= MAX_SUMS &&
      numThreads <= maxComputeInvocationsPerWorkgroup && bytes <= maxComputeWorkgroupStorageSize;
  });
}

/** Tokens, row lanes, half tiles. */
const GEMM_SHAPES = [
  [4, 16, false],
  [4, 16, true],
  [8, 16, true],
  [8, 16, false],
  [8, 8, true],
  [8, 8, false],
  [4, 8, true],
  [4, 8, false],
] as const;

/** The gemm shapes that a device can run. */
export function listGemmShapes(
  { raw }: GpuDevice,
  { numBlocks, format }: Pick<LayerBounds, "numBlocks" | "format">,
): GemmShape[] {
  return GEMM_SHAPES
    .map(([gemmColumns, gemmRowLanes, hasHalfTiles]) => (
      { gemmColumns, gemmRowLanes, hasHalfTiles }
    ))
    .filter((shape) =>
      (format === "q4" || !shape.hasHalfTiles) &&
      gemmBytes(shape, numBlocks) <= raw.limits.maxComputeWorkgroupStorageSize
    );
}

/** Workgroup memory of kernels/gpu/linear_gemm.ts: a group of every row, and of every token. */
function gemmBytes(
  { gemmColumns, gemmRowLanes, hasHalfTiles }: GemmShape,
  numBlocks: number,
): number {
  return (hasHalfTiles ? 256 : 512) * gemmRowLanes * numBlocks + 1024 * gemmColumns;
}
