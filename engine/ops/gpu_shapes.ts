/**
 * How the kernels of the gpu set share their work among invocations. Every shape gives the same bits; they differ in speed.
 *
 * @module
 */
import type { AdapterKind, GpuDevice } from "../gpu/mod.ts";
import type { Matrix } from "./operations.ts";

/** Shape of one linear layer. */
export interface LinearShape {
  /** Rows that an invocation sums for a single token: 1, 2 or 4. */
  readonly rows: 1 | 2 | 4;
  /** Blocks of rows a workgroup, for a single token. */
  readonly rowThreads: number;
  /** Whether lanes are added up by shuffles, for a single token. */
  readonly hasSubgroups: boolean;
  /** Tokens that an invocation sums in a gemm: 4 or 8. */
  readonly gemmColumns: 4 | 8;
  /** Row lanes of a gemm: a workgroup is 8 times as large, and takes 4 times as many rows. */
  readonly gemmRowLanes: 8 | 16;
}

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
};

/** Shapes by kind of adapter, without any measurement. */
export const DEFAULT_SHAPES: Record<AdapterKind, GpuShapes> = {
  gpu: { rowThreads: 64, linear: () => DEFAULT_LINEAR_SHAPE },
  software: {
    rowThreads: 8,
    linear: () => ({ ...DEFAULT_LINEAR_SHAPE, rowThreads: 1, gemmRowLanes: 8 }),
  },
};

/** Workgroup memory of the largest gemm at 16 row lanes: two blocks of weights, and tokens, in bytes. */
const GEMM_BYTES = 20 * 1024;

/** The shapes that suit a device; one with little workgroup memory gets smaller tiles. */
export function chooseShapes({ info, raw }: GpuDevice): GpuShapes {
  const shapes = DEFAULT_SHAPES[info.kind];
  if (raw.limits.maxComputeWorkgroupStorageSize >= GEMM_BYTES) return shapes;
  return { ...shapes, linear: (weight) => ({ ...shapes.linear(weight), gemmRowLanes: 8 }) };
}
