/**
 * What kernels bind.
 *
 * @module
 */

/** One of several equal pieces of memory in one object, which a kernel can reach by their number; alone it is like any other. */
export interface StackSlot {
  /** A texture with a layer for each slot, or a buffer. */
  readonly stack: GPUTexture | GPUBuffer;
  /** From 0. */
  readonly index: number;
  /** Bytes of a buffer's slot that are bound; those of slot i begin at i times {@linkcode slotStride} of it. */
  readonly nbytes?: number;
}

/** What a kernel binds. */
export type GpuResource = GPUBuffer | GPUTexture | StackSlot;

/** Whether it is part of a larger object. */
export function isStackSlot(resource: GpuResource): resource is StackSlot {
  return "stack" in resource;
}

/** Bytes from a slot of a buffer to the next: bindings begin at multiples of 256. */
export function slotStride(nbytes: number): number {
  return Math.ceil(nbytes / 256) * 256;
}

/** How a resource is bound on its own. */
export function bindingOf(resource: GpuResource): GPUBindingResource {
  if (!isStackSlot(resource)) {
    return resource instanceof GPUTexture ? resource.createView() : { buffer: resource };
  }
  const { stack, index, nbytes } = resource;
  if (stack instanceof GPUTexture) {
    return stack.createView({ dimension: "2d", baseArrayLayer: index, arrayLayerCount: 1 });
  }
  return { buffer: stack, offset: index * slotStride(nbytes!), size: nbytes! };
}
