/**
 * From the shape of a linear layer to a compiled kernel and its number of workgroups.
 *
 * @module
 */
import type { GemmForm, GemvForm, Kernel } from "../../kernels/mod.ts";
import type { GpuDevice, Overrides } from "../gpu/mod.ts";
import type { Form, FormChoiceOptions, FormSlot } from "./gpu_linear_forms.ts";
import {
  type GemmShape,
  type GemvShape,
  type LayerBounds,
  listGemmShapes,
  listGemvShapes,
} from "./gpu_shapes.ts";

/** WebGPU's bound for each dimension of a dispatch. */
const MAX_WORKGROUPS = 65535;

const GEMM_TOKEN_LANES = 8;
const ROWS_PER_QUAD = 4;

/** Sums that an invocation holds in variables. */
const MAX_SUMS = 32;

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

/** A gemm in this shape. */
export async function compileGemm(
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

/** Shapes for a single token, the layer's own first. */
export function gemvChoices(
  compiler: Compiler,
  { rows, rowThreads, hasSubgroups }: GemvShape,
): FormChoiceOptions["shapes"] {
  const { device, bounds } = compiler;
  const ownRows = Math.max(rows, bounds.minRows) as GemvShape["rows"];
  const shapes = [{ rows: ownRows, rowThreads, hasSubgroups }, ...listGemvShapes(device, bounds)];
  const nameOf = (shape: GemvShape) =>
    `${shape.rows} x ${shape.rowThreads}${shape.hasSubgroups ? " by shuffles" : ""}`;
  return new Map(shapes.map((shape) => [nameOf(shape), () => compileGemv(compiler, shape, 1)]));
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

/** A gemv for several tokens: as many rows as variables allow; null if too few. */
export function batchForm(
  compiler: Compiler,
  { rowThreads }: GemvShape,
  columns: number,
): Promise<FormSlot> | null {
  const { numLanes, numBlocks, minRows } = compiler.bounds;
  const rows = Math.min(4, MAX_SUMS / columns / numBlocks) as GemvShape["rows"];
  if (rows < minRows) return null;
  const maxThreads = Math.max(1, Math.floor(MAX_BATCH_THREADS / numLanes));
  const shape = { rows, rowThreads: Math.min(rowThreads, maxThreads), hasSubgroups: false };
  return compileGemv(compiler, shape, columns).then((form) => ({ form }));
}
