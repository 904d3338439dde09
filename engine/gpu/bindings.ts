/**
 * How kernels' bindings are described to the device.
 *
 * @module
 */
import type { BindingKind } from "../../kernels/mod.ts";
import {
  chunksOf,
  type GpuResource,
  isStackSlot,
  isTexture,
  locateBuffer,
  locateTexture,
} from "./resources.ts";

/** What a device is told of each kind of binding. */
export const BINDING_LAYOUTS = {
  read: { buffer: { type: "read-only-storage" } },
  read_write: { buffer: { type: "storage" } },
  uniform: { buffer: { type: "uniform" } },
  texture_uint: { storageTexture: { access: "read-only", format: "rgba32uint" } },
  texture_float: { storageTexture: { access: "read-only", format: "rgba32float" } },
  texture_uint_write: { storageTexture: { access: "write-only", format: "rgba32uint" } },
  texture_float_write: { storageTexture: { access: "write-only", format: "rgba32float" } },
  texture_uint_read_write: { storageTexture: { access: "read-write", format: "rgba32uint" } },
  texture_float_read_write: { storageTexture: { access: "read-write", format: "rgba32float" } },
  texture_uint_array: {
    storageTexture: { access: "read-only", format: "rgba32uint", viewDimension: "2d-array" },
  },
  texture_uint_write_array: {
    storageTexture: { access: "write-only", format: "rgba32uint", viewDimension: "2d-array" },
  },
  texture_uint_read_write_array: {
    storageTexture: { access: "read-write", format: "rgba32uint", viewDimension: "2d-array" },
  },
} as const satisfies Record<BindingKind, Omit<GPUBindGroupLayoutEntry, "binding" | "visibility">>;

/** How a resource is bound: one layer of a texture, or where the kernel takes several, those from there on that are in use. */
export function bindingOf(resource: GpuResource, kind: BindingKind): GPUBindingResource {
  if (isTexture(resource)) {
    const { texture, layer } = locateTexture(resource);
    if (!kind.endsWith("_array")) {
      return texture.createView({ dimension: "2d", baseArrayLayer: layer, arrayLayerCount: 1 });
    }
    const chunks = chunksOf(resource);
    const end = chunks ? chunks.numUsed * chunks.numLayers : texture.depthOrArrayLayers;
    return texture.createView({
      dimension: "2d-array",
      baseArrayLayer: layer,
      arrayLayerCount: end - layer,
    });
  }
  const { buffer, offset } = locateBuffer(resource);
  return isStackSlot(resource) ? { buffer, offset, size: resource.nbytes! } : { buffer };
}

/** The format of the textures that a kind takes; null where it takes buffers. */
export function textureFormatOf(kind: BindingKind): GPUTextureFormat | null {
  const layout: Omit<GPUBindGroupLayoutEntry, "binding" | "visibility"> = BINDING_LAYOUTS[kind];
  return layout.storageTexture?.format ?? null;
}
