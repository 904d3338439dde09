/**
 * Weights in storage buffers, split by rows at the binding limit, in the order in which lanes read them:
 * kernels/lib/lanes.wgsl and lane_weights_*.wgsl have the layouts.
 *
 * @module
 */
import type { GpuDevice } from "../gpu/mod.ts";
import { numGroupsOf } from "./matrix.ts";
import type { Matrix, MatrixLayout, MatrixPart, MatrixStore, PieceSink } from "./operations.ts";

/** Rows of a matrix of the gpu set. */
export interface BufferPart extends MatrixPart {
  /** K_THREADS: lanes that share a dot product. */
  readonly numLanes: number;
}

/** Lanes of a row unless asked otherwise: whole subgroups of most cards, 512 neighbouring bytes of q4 a load. */
export const NUM_LANES = 32;

/** Bytes that are put in order at once: a bound for the host's extra memory. */
const STRIP_BYTES = 4 << 20;

const PIECE_WORDS = 4;
const ROWS_PER_QUAD = 4;

/** 32-bit words of a group of 32 columns in plane 0. */
function groupWords({ format, elem }: Pick<MatrixLayout, "format" | "elem">): number {
  if (format === "q4") return 4;
  return elem === "f16" ? 16 : 32;
}

function elemBytes({ elem }: Pick<MatrixLayout, "elem">): number {
  return elem === "f16" ? 2 : 4;
}

/** Bytes of one row of each plane. */
function rowBytes(layout: MatrixLayout): number[] {
  const numGroups = numGroupsOf(layout);
  const weights = 4 * numGroups * groupWords(layout);
  return layout.format === "q4" ? [weights, numGroups * elemBytes(layout)] : [weights];
}

/**
 * Matrices of the gpu set.
 *
 * @param numLanes lanes that share a dot product, at least 8
 */
export function createBufferMatrices(numLanes: number = NUM_LANES): MatrixStore {
  return {
    computeBytes(layout) {
      const numRows = Math.ceil(layout.numRows / ROWS_PER_QUAD) * ROWS_PER_QUAD; // the scales' last quad
      const [weights, scales = 0] = rowBytes(layout);
      return layout.numRows * weights! + numRows * scales;
    },
    createAll(device, layouts) {
      const limits = { maxBytes: device.info.maxBindingBytes, numLanes };
      return new Map(
        [...layouts].map(([name, layout]) => [name, createSplit(device, name, layout, limits)]),
      );
    },
    maxPieceBytes: (layout) => Math.max(STRIP_BYTES, ...rowBytes(layout)),
    pack(matrix, plane, bytes, sink) {
      for (const [part, rows] of matrix.parts.entries()) {
        const pack = plane === 0 ? packWeights : packScales;
        pack(matrix, rows as PartRows, bytes, {
          allocate: (nbytes) => sink.allocate(nbytes),
          put: (offset) => sink.put({ part, resource: plane, offset }),
        });
      }
    },
    upload(device, matrix, { part, resource, offset }, bytes) {
      const buffer = matrix.parts[part]!.resources[resource] as GPUBuffer;
      device.writeBuffer(buffer, bytes, offset);
    },
  };
}

/** Allocates a matrix for a given binding limit. */
export function createSplit(
  device: GpuDevice,
  name: string,
  layout: MatrixLayout,
  { maxBytes, numLanes = NUM_LANES }: { maxBytes: number; numLanes?: number },
): Matrix {
  const bytes = rowBytes(layout);
  // Scales lie in quads of rows.
  const maxRows = Math.floor(maxBytes / Math.max(...bytes) / ROWS_PER_QUAD) * ROWS_PER_QUAD;
  const parts: BufferPart[] = [];
  for (let rowOffset = 0; rowOffset < layout.numRows; rowOffset += maxRows) {
    const numRows = Math.min(maxRows, layout.numRows - rowOffset);
    const numQuadRows = Math.ceil(numRows / ROWS_PER_QUAD) * ROWS_PER_QUAD;
    const resources = bytes.map((size, plane) =>
      device.createBuffer(
        `${name} ${plane} rows ${rowOffset}..`,
        size * (plane === 0 ? numRows : numQuadRows),
      )
    );
    parts.push({ rowOffset, numRows, resources, numLanes });
  }
  return { name, ...layout, parts };
}

/** The group of a row that lies at each position. */
function groupOrder(numGroups: number, numLanes: number): Uint32Array {
  const least = Math.floor(numGroups / numLanes);
  return Uint32Array.from({ length: numGroups }, (_, position) => {
    const lane = position % numLanes;
    return lane * least + Math.min(lane, numGroups % numLanes) + Math.floor(position / numLanes);
  });
}

/** The piece of 16 bytes of a row that lies at each place: those of one round of lanes side by side. */
function pieceOrder(groups: Uint32Array, numLanes: number, numPieces: number): Uint32Array {
  const order = new Uint32Array(groups.length * numPieces);
  groups.forEach((group, position) => {
    const lane = position % numLanes;
    const before = position - lane;
    const numOwn = Math.min(numLanes, groups.length - before);
    for (let piece = 0; piece < numPieces; piece++) {
      order[before * numPieces + piece * numOwn + lane] = group * numPieces + piece;
    }
  });
  return order;
}

/** Rows of a part. */
type PartRows = Omit<BufferPart, "resources">;

/** Takes pieces of one buffer. */
interface StripSink extends Pick<PieceSink, "allocate"> {
  put(offset: number): void;
}

function packWeights(
  matrix: MatrixLayout,
  { rowOffset, numRows, numLanes }: PartRows,
  bytes: Uint8Array<ArrayBuffer>,
  sink: StripSink,
): void {
  const words = groupWords(matrix);
  const groups = groupOrder(numGroupsOf(matrix), numLanes);
  const order = pieceOrder(groups, numLanes, words / PIECE_WORDS);
  const size = order.length * PIECE_WORDS;
  const isPadded = matrix.format === "dense";
  const fromSize = isPadded ? matrix.numCols * elemBytes(matrix) / 4 : size;
  const from = new Uint32Array(bytes.buffer, bytes.byteOffset, matrix.numRows * fromSize);
  const stripRows = Math.min(numRows, Math.max(1, Math.floor(STRIP_BYTES / (4 * size))));
  for (let first = 0; first < numRows; first += stripRows) {
    const count = Math.min(stripRows, numRows - first);
    const strip = sink.allocate(4 * count * size);
    if (isPadded) strip.fill(0); // a dense row may end within its last group
    const to = new Uint32Array(strip.buffer, strip.byteOffset, count * size);
    for (let row = 0; row < count; row++) {
      copyPieces(to, row * size, order, from, (rowOffset + first + row) * fromSize, fromSize);
    }
    sink.put(4 * first * size);
  }
}

/** One row; a loop without calls, since every weight passes here. */
function copyPieces(
  to: Uint32Array,
  toStart: number,
  order: Uint32Array,
  from: Uint32Array,
  fromStart: number,
  fromSize: number,
): void {
  for (let i = 0; i < order.length; i++) {
    const source = PIECE_WORDS * order[i]!;
    if (source >= fromSize) continue;
    const a = fromStart + source;
    const b = toStart + PIECE_WORDS * i;
    to[b] = from[a]!;
    to[b + 1] = from[a + 1]!;
    to[b + 2] = from[a + 2]!;
    to[b + 3] = from[a + 3]!;
  }
}

function packScales(
  matrix: MatrixLayout,
  { rowOffset, numRows, numLanes }: PartRows,
  bytes: Uint8Array<ArrayBuffer>,
  sink: StripSink,
): void {
  const groups = groupOrder(numGroupsOf(matrix), numLanes);
  const Scales = matrix.elem === "f16" ? Uint16Array : Uint32Array;
  const from = new Scales(bytes.buffer, bytes.byteOffset, matrix.numRows * groups.length);
  const size = ROWS_PER_QUAD * groups.length;
  const numQuads = Math.ceil(numRows / ROWS_PER_QUAD);
  const quadBytes = size * Scales.BYTES_PER_ELEMENT;
  const stripQuads = Math.min(numQuads, Math.max(1, Math.floor(STRIP_BYTES / quadBytes)));
  for (let firstQuad = 0; firstQuad < numQuads; firstQuad += stripQuads) {
    const count = Math.min(stripQuads, numQuads - firstQuad);
    const strip = sink.allocate(count * quadBytes);
    const to = new Scales(strip.buffer as ArrayBuffer, strip.byteOffset, count * size);
    const firstRow = firstQuad * ROWS_PER_QUAD;
    const endRow = Math.min(numRows, firstRow + count * ROWS_PER_QUAD);
    if (endRow % ROWS_PER_QUAD !== 0) to.fill(0); // the last quad has rows that are none
    for (let row = firstRow; row < endRow; row++) {
      const quad = Math.floor(row / ROWS_PER_QUAD) - firstQuad;
      const start = quad * size + row % ROWS_PER_QUAD;
      const fromStart = (rowOffset + row) * groups.length;
      for (let p = 0; p < groups.length; p++) {
        to[start + ROWS_PER_QUAD * p] = from[fromStart + groups[p]!]!;
      }
    }
    sink.put(firstQuad * quadBytes);
  }
}
