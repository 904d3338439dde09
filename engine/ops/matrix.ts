/**
 * What every kernel set does with weight matrices.
 *
 * @module
 */
import type { Matrix, MatrixLayout, MatrixPart, MatrixShape } from "./operations.ts";

/** Weights of a q4 group along K. */
const GROUP_SIZE = 32;

/** Groups of a row. */
export function numGroupsOf({ numCols }: Pick<MatrixLayout, "numCols">): number {
  return Math.ceil(numCols / GROUP_SIZE);
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

/** What another thread has to know to pack it. */
export function shapeOfMatrix({ numRows, numCols, format, elem, parts }: Matrix): MatrixShape {
  return {
    ...{ numRows, numCols, format, elem },
    parts: parts.map(({ resources: _, ...part }) => part),
  };
}

/** Sets the codes past column K to 7, the zero point: the format leaves them 0, which would decode to −7 · scale. */
export function clearQ4Padding(
  quants: Uint8Array<ArrayBuffer>,
  numRows: number,
  numCols: number,
): void {
  const numGroups = numGroupsOf({ numCols });
  const rowSize = numGroups * 16;
  for (let column = numCols; column < numGroups * GROUP_SIZE; column++) {
    const isHigh = column % 2 === 1;
    for (let row = 0; row < numRows; row++) {
      const i = row * rowSize + (column >> 1);
      quants[i] = isHigh ? (quants[i]! & 0x0f) | 0x70 : (quants[i]! & 0xf0) | 0x07;
    }
  }
}
