/**
 * Weights in storage buffers, split by rows at the binding limit: the bytes of a package as they are.
 *
 * @module
 */
import type { GpuDevice } from "../gpu/mod.ts";
import { clearQ4Padding, numGroupsOf } from "./matrix.ts";
import type { Matrix, MatrixLayout, MatrixPart, MatrixStore } from "./operations.ts";

/** Bytes of one row of each plane. */
function rowBytes(layout: MatrixLayout): number[] {
  const elemBytes = layout.elem === "f16" ? 2 : 4;
  if (layout.format === "dense") return [layout.numCols * elemBytes];
  return [numGroupsOf(layout) * 16, numGroupsOf(layout) * elemBytes];
}

/** Matrices of the gpu set. */
export const BUFFER_MATRICES: MatrixStore = {
  computeBytes: (layout) => layout.numRows * rowBytes(layout).reduce((sum, bytes) => sum + bytes),
  create: (device, name, layout) => createSplit(device, name, layout, device.info.maxBindingBytes),
  write(device, matrix, plane, bytes) {
    if (matrix.format === "q4" && plane === 0) {
      clearQ4Padding(bytes, matrix.numRows, matrix.numCols);
    }
    const size = rowBytes(matrix)[plane]!;
    for (const { rowOffset, numRows, resources } of matrix.parts) {
      const start = rowOffset * size;
      const own = bytes.subarray(start, start + numRows * size);
      device.writeBuffer(resources[plane] as GPUBuffer, own);
    }
  },
};

/** `create()` for a given binding limit in bytes. */
export function createSplit(
  device: GpuDevice,
  name: string,
  layout: MatrixLayout,
  maxBindingBytes: number,
): Matrix {
  const bytes = rowBytes(layout);
  // A multiple of 4 rows keeps every part's first byte on a word, f16 scales included.
  const maxRows = Math.floor(maxBindingBytes / Math.max(...bytes) / 4) * 4;
  const parts: MatrixPart[] = [];
  for (let rowOffset = 0; rowOffset < layout.numRows; rowOffset += maxRows) {
    const numRows = Math.min(maxRows, layout.numRows - rowOffset);
    const resources = bytes.map((size, plane) =>
      device.createBuffer(`${name} ${plane} rows ${rowOffset}..`, numRows * size)
    );
    parts.push({ rowOffset, numRows, resources });
  }
  return { name, ...layout, parts };
}
