/**
 * What kernels bind.
 *
 * @module
 */

/** How a texture's slots go on in further layers, which come into use by and by: a driver clears all that is bound. */
export interface Chunks {
  /** Layers of a chunk, one for each slot. Slot i of chunk c is layer c · numLayers + i. */
  readonly numLayers: number;
  /** Chunks that are in use, from the first one on. */
  numUsed: number;
}

/** One of several equal pieces of memory in one object, which a kernel can reach by their number; alone it is like any other. */
export interface SlotOf<Stack extends GPUTexture | GPUBuffer> {
  /** A texture with a layer for each slot, or a buffer. */
  readonly stack: Stack;
  /** From 0. */
  readonly index: number;
  /** Bytes of a buffer's slot that are bound; those of slot i begin at i times {@linkcode slotStride} of it. */
  readonly nbytes?: number;
  /** Of a texture whose slots grow. */
  readonly chunks?: Chunks;
}

/** A slot of either kind. */
export type StackSlot = SlotOf<GPUBuffer> | SlotOf<GPUTexture>;

/** A buffer, or a slot of one. */
export type BufferResource = GPUBuffer | SlotOf<GPUBuffer>;

/** A texture, or a slot of one. */
export type TextureResource = GPUTexture | SlotOf<GPUTexture>;

/** What a kernel binds. */
export type GpuResource = BufferResource | TextureResource;

/** Whether it is part of a larger object. */
export function isStackSlot(resource: GpuResource): resource is StackSlot {
  return "stack" in resource;
}

/** Bytes from a slot of a buffer to the next: bindings begin at multiples of 256. */
export function slotStride(nbytes: number): number {
  return Math.ceil(nbytes / 256) * 256;
}

/** Frees the memory of resources; the object that several of them lie in is destroyed once, and with it all of its slots. */
export function destroyResources(resources: Iterable<GpuResource>): void {
  const objects = new Set<GPUBuffer | GPUTexture>();
  for (const resource of resources) objects.add(objectOf(resource));
  for (const object of objects) object.destroy();
}

/** Whether kernels bind it as a texture. */
export function isTexture(resource: GpuResource): resource is TextureResource {
  return objectOf(resource) instanceof GPUTexture;
}

/** The buffer that it is, or lies in, and from which byte on. */
export function locateBuffer(resource: BufferResource): { buffer: GPUBuffer; offset: number } {
  if (!isStackSlot(resource)) return { buffer: resource, offset: 0 };
  const { stack, index, nbytes } = resource;
  return { buffer: stack, offset: index * slotStride(nbytes!) };
}

/** The texture that it is, or lies in, and on which layer. */
export function locateTexture(resource: TextureResource): { texture: GPUTexture; layer: number } {
  if (!isStackSlot(resource)) return { texture: resource, layer: 0 };
  return { texture: resource.stack, layer: resource.index };
}

/** Null where it does not grow. */
export function chunksOf(resource: GpuResource): Chunks | null {
  return isStackSlot(resource) ? resource.chunks ?? null : null;
}

function objectOf(resource: GpuResource): GPUBuffer | GPUTexture {
  return isStackSlot(resource) ? resource.stack : resource;
}
