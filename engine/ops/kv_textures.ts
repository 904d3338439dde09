/**
 * The KV cache of the software set: keys of all layers in one storage texture, values in another; see kernels/lib/kv_tiles.wgsl.
 * Its blocks come into use in chunks, and so does its memory: a driver on the CPU takes a second to clear a GB that few need.
 *
 * @module
 */
import type { Chunks, GpuDevice, Overrides, SlotOf } from "../gpu/mod.ts";
import type { KvCache, KvLayer, KvLayout } from "./operations.ts";
import { createTexture } from "./stacks.ts";

/** Texels of a line; kernels/lib/kv_tiles.wgsl has it as a power of two. */
const LINE_TEXELS = 8192;

const LINE_BYTES = 16 * LINE_TEXELS;

/** Bytes of a chunk with the keys and values of all layers, about: clearing it takes a step some 30 ms longer. */
const CHUNK_BYTES = 32 * 1024 * 1024;

/** Allocates the cache, and makes its first chunk usable. */
export function createKvTextures(device: GpuDevice, layout: KvLayout, count: number): KvCache {
  const numLines = linesOf(layout, layout.numBlocks);
  const { maxTextureArrayLayers } = device.raw.limits;
  let height = 2 ** Math.max(0, Math.floor(Math.log2(CHUNK_BYTES / (2 * count * LINE_BYTES))));
  while (height > 1 && height / 2 >= numLines) height /= 2;
  while (count * Math.ceil(numLines / height) > maxTextureArrayLayers) height *= 2;
  const numChunks = Math.ceil(numLines / height);
  const chunks: Chunks = { numLayers: count, numUsed: 1 };
  const [keys, values] = ["keys", "values"].map((label) =>
    createTexture(device, label, [LINE_TEXELS, height, count * numChunks])
  ) as [GPUTexture, GPUTexture];
  return {
    layers: Array.from({ length: count }, (_, index): KvLayer => ({
      ...layout,
      keys: { stack: keys, index, chunks },
      values: { stack: values, index, chunks },
    })),
    reserve(numBlocks) {
      if (numBlocks > layout.numBlocks) {
        throw new RangeError(`The KV cache has ${layout.numBlocks} blocks, not ${numBlocks}`);
      }
      const numNeeded = Math.ceil(linesOf(layout, numBlocks) / height);
      chunks.numUsed = Math.max(chunks.numUsed, numNeeded);
    },
  };
}

function linesOf({ blockSize, numKvHeads, headDim, elem }: KvLayout, numBlocks: number): number {
  const slotTexels = numKvHeads * headDim / (elem === "f16" ? 8 : 4);
  return Math.ceil(numBlocks * blockSize * slotTexels / LINE_TEXELS);
}

/** Overrides of kernels/lib/kv_tiles.wgsl. */
export function kvOverrides({ keys }: KvLayer): Overrides {
  const { stack, chunks } = keys as SlotOf<GPUTexture>;
  return { KV_CHUNK_LINES: stack.height, KV_CHUNK_LAYERS: chunks!.numLayers };
}
