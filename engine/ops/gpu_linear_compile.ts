/**
 * From the shape of a linear layer to a compiled kernel and its number of workgroups.
 *
 * @module
 */
import type { GemmForm, GemvForm, Kernel } from "../../kernels/mod.ts";
import type { GpuDevice, Overrides } from "../gpu/mod.ts";
import type { Form, FormChoiceOptions } from "./gpu_linear_forms.ts";
import {
  type GemmShape,
  type GemvShape,
  type LayerBounds,
  listGemmShapes,
  listGemvShapes,
  MAX_SUMS,
} from "./gpu_shapes.ts";

/** WebGPU's bound for each dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

const GEMM_TOKEN_LANES = 8;
const ROWS_PER_QUAD = 4;

/** Lanes and blocks of rows of a workgroup that takes several tokens; more would exceed 16 KiB of workgroup memory. */
const MAX_BATCH_THREADS = 64;

/** What forms of a layer are compiled from. */
export interface Compiler {
  readonly device: GpuDevice;
  readonly kernelOf: (form: GemvForm | GemmForm) => Kernel;
  readonly overrides: Overrides;
  readonly numEnds: number;
  readonly bounds: LayerBounds;
}

async function compileGemv(
  { device, kernelOf, overrides, numEnds }: Compiler,
  { rowThreads, ...shape }: GemvShape,
  columns: number,
): Promise<Form> {
  const kernel = kernelOf({ kind: "gemv", columns, ...shape });
  const numWorkgroups = Math.ceil(numEnds / shape.rows / rowThreads);
  const x = Math.min(numWorkgroups, MAX_WORKGROUPS);
  const y = Math.ceil(numWorkgroups / x);
  const own = { ...overrides, ROW_THREADS: rowThreads };
  return { pipeline: await device.pipeline(kernel, kernel.name, own), workgroups: () => [x, y] };
}

async function compileGemm(
  { device, kernelOf, overrides, numEnds }: Compiler,
  shape: GemmShape,
): Promise<Form> {
  const form = gemmForm(shape);
  const kernel = kernelOf(form);
  const x = Math.ceil(numEnds / (ROWS_PER_QUAD * form.rowLanes));
  const tile = GEMM_TOKEN_LANES * form.columns;
  return {
    pipeline: await device.pipeline(kernel, kernel.name, overrides),
    workgroups: (numTokens) => [x, Math.ceil(numTokens / tile)],
  };
}

/** The kernel form of a shape. */
export function gemmForm({ gemmColumns, gemmRowLanes, hasHalfTiles }: GemmShape): GemmForm {
  return { kind: "gemm", columns: gemmColumns, rowLanes: gemmRowLanes, hasHalfTiles };
}

/** Shapes for a number of tokens, the one that nobody has measured first; null where a row of each has too many sums. */
export function gemvChoices(
  compiler: Compiler,
  shape: GemvShape,
  columns: number,
): FormChoiceOptions["shapes"] | null {
  const { device, bounds } = compiler;
  const own = gemvShape(shape, bounds, columns);
  if (own === null) return null;
  const nameOf = ({ rows, rowThreads, hasSubgroups }: GemvShape) =>
    `${rows} x ${rowThreads}${hasSubgroups ? " by shuffles" : ""}`;
  return new Map(
    [own, ...listGemvShapes(device, bounds, columns)].map(
      (shape) => [nameOf(shape), () => compileGemv(compiler, shape, columns)],
    ),
  );
}

/** The layer's own shape for a single token, and as many rows as variables allow for more. */
function gemvShape(
  { rows, rowThreads, hasSubgroups }: GemvShape,
  { numLanes, numBlocks, minRows }: LayerBounds,
  columns: number,
): GemvShape | null {
  if (columns === 1) {
    return { rows: Math.max(rows, minRows) as GemvShape["rows"], rowThreads, hasSubgroups };
  }
  const maxRows = Math.min(4, MAX_SUMS / columns / numBlocks) as GemvShape["rows"];
  if (maxRows < minRows) return null;
  const maxThreads = Math.max(1, Math.floor(MAX_BATCH_THREADS / numLanes));
  return { rows: maxRows, rowThreads: Math.min(rowThreads, maxThreads), hasSubgroups: false };
}

/** Shapes for many tokens, the layer's own first. */
export function gemmChoices(
  compiler: Compiler,
  own: GemmShape,
): FormChoiceOptions["shapes"] {
  const shapes = [own, ...listGemmShapes(compiler.device, compiler.bounds)];
  const nameOf = ({ gemmRowLanes, gemmColumns, hasHalfTiles }: GemmShape) =>
    `${gemmRowLanes} x ${gemmColumns}${hasHalfTiles ? " in halves" : ""}`;
  return new Map(shapes.map((shape) => [nameOf(shape), () => compileGemm(compiler, shape)]));
}
