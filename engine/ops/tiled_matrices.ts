/**
 * Weights in storage textures, repacked into the tiles that kernels/lib/row_tiles.wgsl describes.
 *
 * @module
 */
import { MAX_ROW_GROUPS, type WeightFormat } from "../../kernels/mod.ts";
import { locateTexture, type Overrides, type TextureResource } from "../gpu/mod.ts";
import { clearQ4Padding, numGroupsOf } from "./matrix.ts";
import type { MatrixLayout, MatrixPart, MatrixStore, PiecePlace, PieceSink } from "./operations.ts";
import { createTextures, type TextureSpec } from "./stacks.ts";

const TEXEL_BYTES = 16;
const LANES = 8;
const BLOCK_ROWS = 8;
const TILE_ROWS = LANES * BLOCK_ROWS;
const TEXELS_PER_STEP = TILE_ROWS;
/** Texels of a line, and lines of a texture, that every driver seen here takes. */
const MAX_TEXTURE_SIDE = 16384;
/** Bytes of a piece, about. */
const PIECE_BYTES = 2 * 1024 * 1024;

/** Which kernels read a matrix. */
export function weightFormatOf(layout: MatrixLayout): WeightFormat {
  const { format, elem } = layout;
  // A package that was made for f32 keeps its activations in f32; see docs/decisions.md.
  if (format === "q4" && elem === "f16") {
    return numGroupsOf(layout) <= MAX_ROW_GROUPS ? "q4_int8_rows" : "q4_int8";
  }
  if (format === "q4") return "q4_f32";
  return elem === "f16" ? "dense_f16" : "dense_f32";
}

/** What activations are rounded to before a matrix of this layout reads them. */
export function activationsOf(layout: MatrixLayout): "f32" | "int8" {
  return weightFormatOf(layout).startsWith("q4_int8") ? "int8" : "f32";
}

/** How the steps along K of a tile lie on lines of the texture. */
export interface TileShape {
  /** Texels of a row: eight f16, four f32, or one group of codes each. */
  readonly numSteps: number;
  readonly stepsPerLine: number;
  /** Lines of a tile. */
  readonly numLines: number;
  /** Texels from a step of a row to its next one. */
  readonly stepTexels: number;
  /** Texels from a row of a block to the next one. */
  readonly rowTexels: number;
}

/** The shape of every tile of a matrix. */
export function tileShapeOf(layout: MatrixLayout): TileShape {
  const numSteps = layout.format === "q4"
    ? numGroupsOf(layout)
    : Math.ceil(layout.numCols / (layout.elem === "f16" ? 8 : 4));
  const numLines = Math.ceil(numSteps * TEXELS_PER_STEP / MAX_TEXTURE_SIDE);
  const isByRows = weightFormatOf(layout) === "q4_int8_rows";
  return {
    numSteps,
    numLines,
    stepsPerLine: Math.ceil(numSteps / numLines),
    stepTexels: isByRows ? LANES : TEXELS_PER_STEP,
    rowTexels: isByRows ? LANES * numSteps : LANES,
  };
}

/** Overrides of whoever reads it; see kernels/lib/row_tiles.wgsl. */
export function tileOverrides(layout: MatrixLayout): Overrides {
  const { numLines, stepsPerLine, stepTexels, rowTexels } = tileShapeOf(layout);
  return {
    LINES: numLines,
    STEPS_PER_LINE: stepsPerLine,
    STEP_TEXELS: stepTexels,
    ROW_TEXELS: rowTexels,
  };
}

/** Tiles of `numRows` rows. */
export function numTilesOf(numRows: number): number {
  return Math.ceil(numRows / TILE_ROWS);
}

/** Width and height of the textures: weights, scales where there are any, and those row by row. */
function textureSizes(layout: MatrixLayout, numRows: number): [width: number, height: number][] {
  const { stepsPerLine, numLines } = tileShapeOf(layout);
  const height = numTilesOf(numRows) * numLines;
  const weights: [number, number] = [stepsPerLine * TEXELS_PER_STEP, height];
  if (layout.format === "dense") return [weights];
  const scales: [number, number] = [stepsPerLine * scaleTexels(layout) * LANES, height];
  if (weightFormatOf(layout) !== "q4_int8_rows") return [weights, scales];
  return [weights, scales, [BLOCK_ROWS * scaleRowTexels(layout), height]];
}

/** Rows that fit textures, with what is to be created for them. */
function partsOf(name: string, layout: MatrixLayout): (Rows & { textures: TextureSpec[] })[] {
  const maxRows = Math.floor(MAX_TEXTURE_SIDE / tileShapeOf(layout).numLines) * TILE_ROWS;
  const parts = [];
  for (let rowOffset = 0; rowOffset < layout.numRows; rowOffset += maxRows) {
    const numRows = Math.min(maxRows, layout.numRows - rowOffset);
    const textures = textureSizes(layout, numRows).map((size, i) => ({
      label: `${name} ${i} rows ${rowOffset}..`,
      size,
    }));
    parts.push({ rowOffset, numRows, textures });
  }
  return parts;
}

/** Lane that owns a row. */
function laneOf(row: number): number {
  return Math.floor((row % TILE_ROWS) / BLOCK_ROWS);
}

/** Texels of a lane's eight scales. */
function scaleTexels({ elem }: MatrixLayout): 1 | 2 {
  return elem === "f16" ? 1 : 2;
}

/** Texels from the scales of a row to those of the next one of its block; a texel holds eight. */
function scaleRowTexels(layout: MatrixLayout): number {
  return LANES * Math.ceil(numGroupsOf(layout) / 8);
}

/** Matrices of the software set. */
export const TILED_MATRICES: MatrixStore = {
  computeBytes: (layout) =>
    textureSizes(layout, layout.numRows).reduce(
      (sum, [width, height]) => sum + TEXEL_BYTES * width * height,
      0,
    ),
  createAll(device, layouts) {
    const plans = [...layouts].map(([name, layout]) => ({
      name,
      layout,
      parts: partsOf(name, layout),
    }));
    const specs = plans.flatMap(({ parts }) => parts.flatMap(({ textures }) => textures));
    const resources = createTextures(device, specs);
    return new Map(plans.map(({ name, layout, parts }) => {
      const filled = parts.map(({ textures, ...rows }): MatrixPart => ({
        ...rows,
        resources: resources.splice(0, textures.length),
      }));
      return [name, { name, ...layout, parts: filled }];
    }));
  },
  maxPieceBytes: (layout) => {
    const { numLines } = tileShapeOf(layout);
    const tileBytes = textureSizes(layout, TILE_ROWS).map(([width]) =>
      width * numLines * TEXEL_BYTES
    );
    return Math.max(PIECE_BYTES, ...tileBytes);
  },
  pack(matrix, plane, bytes, sink) {
    if (matrix.format === "q4" && plane === 0) {
      clearQ4Padding(bytes, matrix.numRows, matrix.numCols);
    }
    const tilings = plane === 0 ? [tileWeights] : [tileScales, tileRowScales];
    for (const [part, rows] of matrix.parts.entries()) {
      const sizes = textureSizes(matrix, rows.numRows).slice(plane, plane + tilings.length);
      for (const [i, [width]] of sizes.entries()) {
        const target = { part, resource: plane + i, width };
        packTiles(matrix, rows, { target, tileRows: tilings[i]!, bytes, sink });
      }
    }
  },
  upload(device, matrix, { part, resource, offset }, bytes) {
    const target = matrix.parts[part]!.resources[resource]! as TextureResource;
    const { texture, layer } = locateTexture(target);
    const bytesPerRow = texture.width * TEXEL_BYTES;
    const rowsPerImage = bytes.length / bytesPerRow;
    device.raw.queue.writeTexture(
      { texture, origin: [0, offset, layer] },
      bytes as Uint8Array<ArrayBuffer>, // shared memory will do
      { bytesPerRow, rowsPerImage },
      [texture.width, rowsPerImage],
    );
  },
};

/** A few tiles at a time, so that their bytes are still in the processor's cache when they are handed on. */
function packTiles(
  layout: MatrixLayout,
  { rowOffset, numRows }: Rows,
  { target: { width, ...place }, tileRows, bytes, sink }: {
    target: Omit<PiecePlace, "offset"> & { width: number };
    tileRows: typeof tileWeights;
    bytes: Uint8Array<ArrayBuffer>;
    sink: PieceSink;
  },
): void {
  const { numLines } = tileShapeOf(layout);
  const tileBytes = numLines * width * TEXEL_BYTES;
  const numTiles = numTilesOf(numRows);
  const maxTiles = Math.max(1, Math.floor(PIECE_BYTES / tileBytes));
  for (let tile = 0; tile < numTiles; tile += maxTiles) {
    const texels = sink.allocate(Math.min(maxTiles, numTiles - tile) * tileBytes);
    const firstRow = tile * TILE_ROWS;
    const rows = {
      rowOffset: rowOffset + firstRow,
      numRows: Math.min(maxTiles * TILE_ROWS, numRows - firstRow),
    };
    // Only the last tile has rows that no row of the matrix fills.
    if (rows.numRows % TILE_ROWS !== 0) texels.fill(0);
    tileRows(texels, layout, rows, bytes);
    sink.put({ ...place, offset: tile * numLines });
  }
}

/** Some rows of a matrix, the first one the first of a tile. */
type Rows = Pick<MatrixPart, "rowOffset" | "numRows">;

/** Rows of texels in the order of the tiles. */
function tileWeights(
  texels: Uint8Array<ArrayBufferLike>,
  layout: MatrixLayout,
  { rowOffset, numRows }: Rows,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const { numSteps, stepsPerLine, numLines, stepTexels, rowTexels } = tileShapeOf(layout);
  // A texel is two words of 64 bits: half the moves that words of 32 need.
  const from = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 3);
  const to = new BigUint64Array(texels.buffer, texels.byteOffset, texels.byteLength >> 3);
  const rowSize = 2 * numSteps;
  const tileSize = 2 * numLines * stepsPerLine * TEXELS_PER_STEP;
  for (let row = 0; row < numRows; row++) {
    const texel = (row % BLOCK_ROWS) * rowTexels + laneOf(row);
    let source = (rowOffset + row) * rowSize;
    let target = Math.floor(row / TILE_ROWS) * tileSize + 2 * texel; // steps go on from line to line
    for (let step = 0; step < numSteps; step++, source += 2, target += 2 * stepTexels) {
      to[target] = from[source]!;
      to[target + 1] = from[source + 1]!;
    }
  }
}

/** A lane's eight scales side by side, as the package has them. */
function tileScales(
  texels: Uint8Array<ArrayBufferLike>,
  layout: MatrixLayout,
  { rowOffset, numRows }: Rows,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const { numSteps, stepsPerLine, numLines } = tileShapeOf(layout);
  const Elements = layout.elem === "f16" ? Uint16Array : Uint32Array;
  const from = new Elements(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / Elements.BYTES_PER_ELEMENT,
  );
  const to = new Elements(
    texels.buffer as ArrayBuffer,
    texels.byteOffset,
    texels.byteLength / Elements.BYTES_PER_ELEMENT,
  );
  const places = Uint32Array.from({ length: TILE_ROWS }, (_, row) => scalePlaceOf(row, layout));
  for (let first = 0; first < numRows; first += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, numRows - first);
    let target = first * numLines * stepsPerLine; // a step has as many scales as a tile has rows
    for (let step = 0; step < numSteps; step++, target += TILE_ROWS) {
      let source = (rowOffset + first) * numSteps + step;
      for (let row = 0; row < count; row++, source += numSteps) {
        to[target + places[row]!] = from[source]!;
      }
    }
  }
}

/** Eight groups of a row side by side. */
function tileRowScales(
  texels: Uint8Array<ArrayBufferLike>,
  layout: MatrixLayout,
  { rowOffset, numRows }: Rows,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const { numSteps } = tileShapeOf(layout);
  const rowTexels = scaleRowTexels(layout);
  const from = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  const to = new Uint16Array(texels.buffer, texels.byteOffset, texels.byteLength >> 1);
  for (let row = 0; row < numRows; row++) {
    const tile = Math.floor(row / TILE_ROWS);
    const first = (tile * BLOCK_ROWS + row % BLOCK_ROWS) * rowTexels + laneOf(row);
    const source = (rowOffset + row) * numSteps;
    for (let step = 0; step < numSteps; step++) {
      to[8 * (first + LANES * (step >> 3)) + step % 8] = from[source + step]!;
    }
  }
}

/** Where a row's scale lies among those of its tile's step: f32 fill two texels, the lanes' first ones before their second. */
function scalePlaceOf(row: number, layout: MatrixLayout): number {
  const perTexel = BLOCK_ROWS / scaleTexels(layout);
  const inBlock = row % BLOCK_ROWS;
  const texel = Math.floor(inBlock / perTexel) * LANES + laneOf(row);
  return texel * perTexel + inBlock % perTexel;
}
