/**
 * Weight matrices: from a package's bytes to device buffers, split by rows at the binding limit.
 *
 * @module
 */
import type { Elem } from "../../kernels/mod.ts";
import type { GpuDevice } from "../gpu/mod.ts";
import type { Matrix, MatrixPart } from "./operations.ts";

/** Weights of a q4 group along K. */
export const GROUP_SIZE = 32;

/** How a matrix lies on the device. */
export interface MatrixLayout {
  readonly numRows: number;
  readonly numCols: number;
  readonly format: Matrix["format"];
  readonly elem: Elem;
}

/** Bytes of one row of each buffer of a part. */
function rowBytes({ numCols, format, elem }: MatrixLayout): number[] {
  const elemBytes = elem === "f16" ? 2 : 4;
  if (format === "dense") return [numCols * elemBytes];
  const numGroups = Math.ceil(numCols / GROUP_SIZE);
  return [numGroups * 16, numGroups * elemBytes];
}

/** Bytes that a matrix takes on the device. */
export function matrixBytes(layout: MatrixLayout): number {
  return layout.numRows * rowBytes(layout).reduce((sum, bytes) => sum + bytes, 0);
}

/** Allocates a matrix on the device; {@linkcode writeMatrix} fills it. */
export function createMatrix(device: GpuDevice, name: string, layout: MatrixLayout): Matrix {
  const bytes = rowBytes(layout);
  // A multiple of 4 rows keeps every part's first byte on a word, f16 scales included.
  const maxRows = Math.floor(device.info.maxBindingBytes / Math.max(...bytes) / 4) * 4;
  const parts: MatrixPart[] = [];
  for (let rowOffset = 0; rowOffset < layout.numRows; rowOffset += maxRows) {
    const numRows = Math.min(maxRows, layout.numRows - rowOffset);
    const buffers = bytes.map((size, i) =>
      device.createBuffer(`${name} ${i} rows ${rowOffset}..`, numRows * size)
    );
    parts.push({ rowOffset, numRows, buffers });
  }
  return { name, ...layout, parts };
}

/**
 * Sees several matrices as one whose rows follow each other.
 *
 * @throws {Error} they differ in columns or format
 */
export function joinRows(name: string, matrices: readonly Matrix[]): Matrix {
  const [first] = matrices;
  const parts: MatrixPart[] = [];
  let numRows = 0;
  for (const matrix of matrices) {
    const { numCols, format, elem } = matrix;
    if (numCols !== first!.numCols || format !== first!.format || elem !== first!.elem) {
      throw new Error(
        `Cannot join ${matrix.name} with ${first!.name}: they are stored differently`,
      );
    }
    for (const part of matrix.parts) parts.push({ ...part, rowOffset: numRows + part.rowOffset });
    numRows += matrix.numRows;
  }
  return { ...first!, name, numRows, parts };
}

/**
 * Fills one buffer of every part.
 *
 * @param plane 0: dense weights or quants, 1: scales
 * @param bytes the whole plane, rows in order, as the kernels read it
 */
export function writeMatrix(
  device: GpuDevice,
  matrix: Matrix,
  plane: 0 | 1,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const size = rowBytes(matrix)[plane]!;
  for (const { rowOffset, numRows, buffers } of matrix.parts) {
    const start = rowOffset * size;
    device.writeBuffer(buffers[plane]!, bytes.subarray(start, start + numRows * size));
  }
}

/** Sets the codes past column K to 7, the zero point: the format leaves them 0, which would decode to −7 · scale. */
export function clearQ4Padding(
  quants: Uint8Array<ArrayBuffer>,
  numRows: number,
  numCols: number,
): void {
  const numGroups = Math.ceil(numCols / GROUP_SIZE);
  const rowSize = numGroups * 16;
  for (let column = numCols; column < numGroups * GROUP_SIZE; column++) {
    const isHigh = column % 2 === 1;
    for (let row = 0; row < numRows; row++) {
      const i = row * rowSize + (column >> 1);
      quants[i] = isHigh ? (quants[i]! & 0x0f) | 0x70 : (quants[i]! & 0xf0) | 0x07;
    }
  }
}

/** Frees the buffers of a matrix. */
export function destroyMatrix(matrix: Matrix): void {
  for (const part of matrix.parts) for (const buffer of part.buffers) buffer.destroy();
}
