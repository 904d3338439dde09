/**
 * Memory of the software set: textures, and equal ones of many layers as one object, so that a kernel can reach them by number.
 *
 * @module
 */
import {
  type BufferResource,
  type GpuDevice,
  type SlotOf,
  slotStride,
  type TextureResource,
} from "../gpu/mod.ts";

const TEXEL_BYTES = 16;

/** Bytes of a stack, at most: drivers on the CPU count those of a texture in 31 bits. */
const MAX_STACK_BYTES = 2 ** 31 - 1;

/** A texture of texels of 16 bytes. */
export interface TextureSpec {
  readonly label: string;
  /** Texels. */
  readonly size: readonly [width: number, height: number];
}

/** A texture of texels of 16 bytes that kernels read, and the host or other kernels write. */
export function createTexture(
  device: GpuDevice,
  label: string,
  size: readonly [width: number, height: number, numSlots?: number],
  format: "rgba32uint" | "rgba32float" = "rgba32uint",
): GPUTexture {
  return device.raw.createTexture({
    label,
    size: [...size] as number[],
    format,
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
  });
}

/** Textures in the order of their specs; those of equal size are slots of one that is labelled as the first of them. */
export function createTextures(
  device: GpuDevice,
  specs: readonly TextureSpec[],
): TextureResource[] {
  const { maxTextureArrayLayers } = device.raw.limits;
  return stackEqual(specs, {
    keyOf: ({ size }) => String(size),
    maxSlots: ({ size: [width, height] }) =>
      Math.min(maxTextureArrayLayers, Math.floor(MAX_STACK_BYTES / (TEXEL_BYTES * width * height))),
    create: ({ label, size }, numSlots) => createTexture(device, label, [...size, numSlots]),
    slotOf: (stack, index) => ({ stack, index }),
  });
}

/**
 * Vectors of f32 in the order of their names; those of equal size are slots of one buffer that is labelled as the first of them.
 *
 * @param sizes elements
 */
export function createVectors(
  device: GpuDevice,
  sizes: ReadonlyMap<string, number>,
): Map<string, BufferResource> {
  const vectors = stackEqual([...sizes], {
    keyOf: ([, size]) => size,
    maxSlots: () => Infinity,
    create: ([name, size], numSlots) =>
      device.createBuffer(name, numSlots === 1 ? 4 * size : numSlots * slotStride(4 * size)),
    slotOf: (stack, index, [, size]) => ({ stack, index, nbytes: 4 * size }),
  });
  return new Map([...sizes.keys()].map((name, i) => [name, vectors[i]!]));
}

/** How {@linkcode stackEqual} makes what. */
interface Stacking<Spec, Stack extends GPUTexture | GPUBuffer> {
  /** Those that have it in common are equal. */
  keyOf(spec: Spec): unknown;
  /** Slots of a stack. */
  maxSlots(spec: Spec): number;
  create(first: Spec, numSlots: number): Stack;
  slotOf(stack: Stack, index: number, spec: Spec): SlotOf<Stack>;
}

/** A resource for each spec; what has no equal is no slot. */
function stackEqual<Spec, Stack extends GPUTexture | GPUBuffer>(
  specs: readonly Spec[],
  { keyOf, maxSlots, create, slotOf }: Stacking<Spec, Stack>,
): (Stack | SlotOf<Stack>)[] {
  const resources = new Array<Stack | SlotOf<Stack>>(specs.length);
  for (const equal of Map.groupBy(specs.keys(), (i) => keyOf(specs[i]!)).values()) {
    const spec = specs[equal[0]!]!;
    const size = Math.max(1, maxSlots(spec));
    for (let first = 0; first < equal.length; first += size) {
      const places = equal.slice(first, first + size);
      const stack = create(specs[places[0]!]!, places.length);
      places.forEach((place, index) => {
        resources[place] = places.length === 1 ? stack : slotOf(stack, index, spec);
      });
    }
  }
  return resources;
}
