/**
 * Streams tensors onto the device, one at a time.
 *
 * @module
 */
import { ModelInvalidError } from "../../errors.ts";
import { type LoadedTensor, type ModelPackage, readTensors } from "../../formats/mod.ts";
import { type BufferResource, destroyResources, type GpuDevice } from "../../gpu/mod.ts";
import type { Weights } from "../../models/mod.ts";
import type { Matrix } from "../../ops/mod.ts";
import type { ModelPlan } from "./model_plan.ts";

/** Bytes that may wait in staging memory for their way to the device; handing over every small tensor costs more than its copy. */
const FLUSH_BYTES = 4 * 1024 * 1024;

/** Weights on the device, with their end. */
export interface LoadedWeights extends Weights {
  destroy(): void;
}

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions {
  /** That of the package. */
  readonly plan: ModelPlan;
  /** Share from 0 to 1 of the bytes. */
  readonly onProgress?: (share: number) => void;
}

/**
 * Allocates every tensor of a package and fills it.
 *
 * @throws {ModelInvalidError} a shard is damaged
 * @throws {DeviceError} the device has not enough memory
 */
export async function loadWeights(
  device: GpuDevice,
  pkg: ModelPackage,
  options: LoadWeightsOptions,
): Promise<LoadedWeights> {
  const { kernelSet, matrices: layouts, vectors: sizes } = options.plan;
  let matrices = new Map<string, Matrix>();
  let vectors = new Map<string, BufferResource>();
  const destroy = () => {
    const parts = matrices.values().flatMap((matrix) => matrix.parts);
    destroyResources([...parts.flatMap((part) => part.resources), ...vectors.values()]);
  };
  try {
    await device.guard(`the weights of ${pkg.dir}`, async () => {
      matrices = kernelSet.matrices.createAll(device, layouts);
      vectors = kernelSet.createVectors(device, sizes);
      await fill(device, { pkg, matrices, vectors }, options);
    });
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    has: (name) => matrices.has(name),
    matrix: (name) => matrices.get(name)!,
    vector: (name) => vectors.get(name)!,
    destroy,
  };
}

/** What is filled, and from where. */
interface Targets {
  readonly pkg: ModelPackage;
  readonly matrices: ReadonlyMap<string, Matrix>;
  readonly vectors: ReadonlyMap<string, BufferResource>;
}

async function fill(
  device: GpuDevice,
  { pkg, matrices, vectors }: Targets,
  { plan, onProgress = () => {} }: LoadWeightsOptions,
): Promise<void> {
  const store = plan.kernelSet.matrices;
  let numBytes = 0;
  let pendingBytes = 0;
  let notFinite: string | null = null;
  for await (const tensor of readTensors(pkg)) {
    const { name, nbytes } = tensor.info;
    const target = plan.targets.get(name)!;
    if (target.kind === "vector") {
      const values = toFloat32(tensor);
      if (!values.every(Number.isFinite)) notFinite ??= name;
      device.writeBuffer(vectors.get(target.name)!, values);
    } else store.write(device, matrices.get(target.name)!, target.plane, tensor.bytes);
    numBytes += nbytes;
    pendingBytes += nbytes;
    if (pendingBytes >= FLUSH_BYTES) {
      device.flush();
      pendingBytes = 0;
    }
    onProgress(numBytes / pkg.weightsBytes);
  }
  device.flush();
  // Only now, since a damaged shard, which may have such values, is to be named itself.
  if (notFinite === null) return;
  throw new ModelInvalidError(`The tensor "${notFinite}" holds a value that is not finite`);
}

/** Vectors are few and small: kernels read them as f32 whatever the package holds. */
function toFloat32({ info, bytes }: LoadedTensor): Float32Array<ArrayBuffer> {
  const aligned = bytes.slice().buffer;
  return info.dtype === "f16"
    ? new Float32Array(new Float16Array(aligned))
    : new Float32Array(aligned);
}
