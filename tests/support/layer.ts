/**
 * What a layer begins with and how its activation is read, through the operations that a model uses: every kernel set keeps
 * activations in its own form.
 */
import type { Dispatch } from "../../engine/gpu/mod.ts";
import type { Activation, KernelSet, Matrix, Residual } from "../../engine/ops/mod.ts";
import {
  type Bench,
  createBench,
  denseMatrix,
  emptyMatrix,
  output,
  run,
  upload,
  type Variant,
  writePlane,
} from "./gpu.ts";

/** EPS of every norm here. */
export const EPS = 1e-6;

/** A batch of `numTokens` tokens with ids 0, 1, …; absent `logitsRows` all want logits. */
export function createLayerBench(
  numTokens: number,
  variant: Variant,
  logitsRows?: number[],
): Bench {
  const rows = Array.from({ length: numTokens }, (_, i) => i);
  const tokens = rows.map((i) => ({ id: i, position: i, slot: i, sequence: 0 }));
  return createBench(tokens, { variant, logitsRows: logitsRows ?? rows });
}

/** A residual stream whose norm has weights `gamma`, for a layer on `weight`. */
export function residualFor(
  bench: Bench,
  weight: Matrix,
  options: { hidden: GPUBuffer; gamma?: Float32Array<ArrayBuffer> },
): Residual {
  const { hidden, gamma = new Float32Array(weight.numCols).fill(1) } = options;
  return {
    hidden,
    norm: { weight: upload(gamma), eps: EPS },
    normed: bench.ops.activation("normed", weight),
    isLast: false,
  };
}

/** Dispatches that make x [T, D] the residual stream, and its norm an activation. */
export function embedRows(
  bench: Bench,
  variant: Variant,
  x: Float32Array<ArrayBuffer>,
  to: Residual,
): Promise<Dispatch[]> {
  return bench.ops.embed(denseMatrix(x, bench.numTokens, "f32", variant.set).matrix, to);
}

/** The matrix that changes nothing, f32. */
export function identity(size: number, set: KernelSet): Matrix {
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) values[i * size + i] = 1;
  return denseMatrix(values, size, "f32", set).matrix;
}

/** The same in int4 groups; its activations are int8 where the set has such. */
export function identityQ4(size: number, set: KernelSet): Matrix {
  return sparseMatrix(size, size, (row, column) => row === column ? 1 : 0, { format: "q4", set });
}

/**
 * A gate and up projection [2 D, D] that hands x on: gates are 56 x[0], far where SiLU and GELU are the identity, and ups are x, so
 * that the activation is a multiple of x.
 */
export function openGates(
  size: number,
  options: { format: "dense" | "q4"; set: KernelSet },
): Matrix {
  const value = (row: number, column: number) => row < size ? (column === 0 ? 56 : 0) : 1;
  const isSet = (row: number, column: number) => row < size ? column === 0 : column === row - size;
  return sparseMatrix(
    2 * size,
    size,
    (row, column) => isSet(row, column) ? value(row, column) : 0,
    options,
  );
}

/** Values of which each row has one at most; f16 scales where it is quantized, so that int8 layers are asked for. */
function sparseMatrix(
  numRows: number,
  numCols: number,
  value: (row: number, column: number) => number,
  { format, set }: { format: "dense" | "q4"; set: KernelSet },
): Matrix {
  if (format === "dense") {
    const values = Float32Array.from(
      { length: numRows * numCols },
      (_, i) => value(Math.floor(i / numCols), i % numCols),
    );
    return denseMatrix(values, numRows, "f16", set).matrix;
  }
  const numGroups = Math.ceil(numCols / 32);
  const matrix = emptyMatrix({ numRows, numCols, format, elem: "f16" }, set.matrices);
  const quants = new Uint8Array(numRows * numGroups * 16).fill(0x77); // code 7 is zero
  const scales = new Float16Array(numRows * numGroups).fill(1);
  for (let row = 0; row < numRows; row++) {
    for (let column = 0; column < numCols; column++) {
      const own = value(row, column);
      if (own === 0) continue;
      quants[row * numGroups * 16 + (column >> 1)] = column % 2 === 0 ? 0x78 : 0x87; // one scale
      scales[row * numGroups + Math.floor(column / 32)] = own;
    }
  }
  writePlane(set.matrices, { matrix, plane: 0, bytes: quants });
  writePlane(set.matrices, { matrix, plane: 1, bytes: new Uint8Array(scales.buffer) });
  return matrix;
}

/** Runs `dispatches`, then reads the activation [T, K] through the identity that it was made for. */
export async function runAndRead(
  bench: Bench,
  dispatches: Promise<Dispatch[]>[],
  activation: Activation,
  reader: Matrix,
): Promise<Float32Array> {
  const length = bench.numTokens * reader.numRows;
  const y = output(length);
  const all = [...dispatches, bench.ops.logits(activation, reader, y)];
  return await run(bench, Promise.all(all).then((lists) => lists.flat()), y, length);
}
