/**
 * Weights in storage textures, repacked into the tiles that kernels/lib/tiles.wgsl describes.
 *
 * @module
 */
import type { GpuDevice } from "../gpu/mod.ts";
import { clearQ4Padding, numGroupsOf } from "./matrix.ts";
import type { MatrixLayout, MatrixPart, MatrixStore } from "./operations.ts";

const TEXEL_BYTES = 16;
const TEXTURE_WIDTH = 8192;
const LANES = 8;
const ROWS_PER_TILE = 32;
/** Lines of one texture: 2 GiB, which every driver seen here can allocate. */
const MAX_TEXTURE_HEIGHT = 16384;

/** Texels of a row's weights or quants: eight f16, four f32, or one group of codes each. */
function placesOf(layout: MatrixLayout): number {
  if (layout.format === "q4") return numGroupsOf(layout);
  return Math.ceil(layout.numCols / (layout.elem === "f16" ? 8 : 4));
}

function tilesOf(numRows: number): number {
  return Math.ceil(numRows / ROWS_PER_TILE);
}

/** Texels of each plane of `numTiles` tiles. */
function planeTexels(layout: MatrixLayout, numTiles: number): number[] {
  const weights = numTiles * placesOf(layout) * ROWS_PER_TILE;
  return layout.format === "q4" ? [weights, numTiles * numGroupsOf(layout) * LANES] : [weights];
}

/** Matrices of the software set. */
export const TILED_MATRICES: MatrixStore = {
  computeBytes(layout) {
    const texels = planeTexels(layout, tilesOf(layout.numRows));
    return TEXEL_BYTES * texels.reduce((sum, count) => sum + lines(count) * widthOf(count), 0);
  },
  create(device, name, layout) {
    const lineTexels = MAX_TEXTURE_HEIGHT * TEXTURE_WIDTH;
    const maxTiles = Math.floor(lineTexels / (placesOf(layout) * ROWS_PER_TILE));
    const maxRows = maxTiles * ROWS_PER_TILE;
    const parts: MatrixPart[] = [];
    for (let rowOffset = 0; rowOffset < layout.numRows; rowOffset += maxRows) {
      const numRows = Math.min(maxRows, layout.numRows - rowOffset);
      const resources = planeTexels(layout, tilesOf(numRows)).map((numTexels, plane) =>
        createTexelTexture(
          device,
          `${name} ${plane} rows ${rowOffset}..`,
          numTexels,
          plane === 0 ? "rgba32uint" : "rgba32float",
        )
      );
      parts.push({ rowOffset, numRows, resources });
    }
    return { name, ...layout, parts };
  },
  write(device, matrix, plane, bytes) {
    if (matrix.format === "q4" && plane === 0) {
      clearQ4Padding(bytes, matrix.numRows, matrix.numCols);
    }
    for (const part of matrix.parts) {
      const texels = plane === 0
        ? tileWeights(matrix, part, bytes)
        : tileScales(matrix, part, bytes);
      writeTexture(device, part.resources[plane] as GPUTexture, texels);
    }
  },
};

function widthOf(numTexels: number): number {
  return Math.min(TEXTURE_WIDTH, numTexels);
}

function lines(numTexels: number): number {
  return Math.ceil(numTexels / TEXTURE_WIDTH);
}

/** A texture of at least `numTexels` texels of 16 bytes, 8,192 a line. */
export function createTexelTexture(
  device: GpuDevice,
  label: string,
  numTexels: number,
  format: "rgba32uint" | "rgba32float" = "rgba32uint",
): GPUTexture {
  return device.raw.createTexture({
    label,
    size: [widthOf(numTexels), lines(numTexels)],
    format,
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
  });
}

/** Whole lines of the texture. */
function createTexels(numTexels: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(lines(numTexels) * widthOf(numTexels) * 4);
}

function writeTexture(
  device: GpuDevice,
  texture: GPUTexture,
  texels: Uint32Array<ArrayBuffer>,
): void {
  const { width, height } = texture;
  device.raw.queue.writeTexture(
    { texture },
    texels,
    { bytesPerRow: width * TEXEL_BYTES, rowsPerImage: height },
    [width, height],
  );
}

/** Rows of words, a texel four words, in the order of the tiles. */
function tileWeights(
  layout: MatrixLayout,
  { rowOffset, numRows }: MatrixPart,
  bytes: Uint8Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  const numPlaces = placesOf(layout);
  const rowWords = layout.format === "q4"
    ? 4 * numPlaces
    : layout.numCols * (layout.elem === "f16" ? 2 : 4) / 4; // K is a multiple of 4
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  const texels = createTexels(planeTexels(layout, tilesOf(numRows))[0]!);
  for (let row = 0; row < numRows; row++) {
    const tile = Math.floor(row / ROWS_PER_TILE);
    let from = (rowOffset + row) * rowWords;
    const end = from + rowWords;
    let to = 4 * (tile * numPlaces * ROWS_PER_TILE + row % ROWS_PER_TILE);
    for (; from < end; from += 4, to += 4 * ROWS_PER_TILE) {
      texels[to] = words[from]!;
      texels[to + 1] = words[from + 1]!;
      if (from + 2 >= end) break; // half a texel: K is no multiple of 8
      texels[to + 2] = words[from + 2]!;
      texels[to + 3] = words[from + 3]!;
    }
  }
  return texels;
}

/** Four rows' scales a texel, as f32. */
function tileScales(
  layout: MatrixLayout,
  { rowOffset, numRows }: MatrixPart,
  bytes: Uint8Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  const numGroups = numGroupsOf(layout);
  const scales = layout.elem === "f16"
    ? new Float16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
    : new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const texels = createTexels(planeTexels(layout, tilesOf(numRows))[1]!);
  const floats = new Float32Array(texels.buffer);
  for (let row = 0; row < numRows; row++) {
    const tile = Math.floor(row / ROWS_PER_TILE);
    const inTile = row % ROWS_PER_TILE; // 8 r + lane
    for (let g = 0; g < numGroups; g++) {
      const texel = (tile * numGroups + g) * LANES + inTile % LANES;
      floats[4 * texel + (inTile >> 3)] = scales[(rowOffset + row) * numGroups + g]!;
    }
  }
  return texels;
}
