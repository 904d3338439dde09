/**
 * What the software set keeps between two dispatches of one operation.
 *
 * @module
 */
import { destroyResources, type GpuDevice, type GpuResource } from "../gpu/mod.ts";
import { createTexture } from "./stacks.ts";

/** Buffers and textures between two dispatches, by name and size; layers follow each other and share them. */
export class Scratch {
  readonly #device: GpuDevice;
  readonly #maxRows: number;
  readonly #resources = new Map<string, GpuResource>();
  /** Stands where a binding is not read. */
  readonly unused: GPUBuffer;

  constructor(device: GpuDevice, maxStepTokens: number) {
    this.#device = device;
    this.#maxRows = maxStepTokens;
    this.unused = device.createBuffer("unused binding", 16);
  }

  /** [T, numCols] f32. */
  buffer(name: string, numCols: number): GPUBuffer {
    return this.#get(
      `${name} of ${numCols} columns`,
      (key) => this.#device.createBuffer(key, 4 * numCols * this.#maxRows),
    ) as GPUBuffer;
  }

  /** [T, numCols] f32, four a texel. */
  texture(name: string, numCols: number): GPUTexture {
    return this.#get(
      `${name} of ${numCols} columns in a texture`,
      (key) => createTexture(this.#device, key, [numCols / 4, this.#maxRows], "rgba32float"),
    ) as GPUTexture;
  }

  #get(key: string, create: (key: string) => GpuResource): GpuResource {
    const known = this.#resources.get(key);
    if (known) return known;
    const resource = create(key);
    this.#resources.set(key, resource);
    return resource;
  }

  destroy(): void {
    this.unused.destroy();
    destroyResources(this.#resources.values());
  }
}
