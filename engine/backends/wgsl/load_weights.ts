/**
 * Streams a package's tensors onto the device, one shard at a time.
 *
 * @module
 */
import { ModelInvalidError } from "../../errors.ts";
import { type LoadedTensor, type ModelPackage, readTensors } from "../../formats/mod.ts";
import type { GpuDevice } from "../../gpu/mod.ts";
import type { Weights } from "../../models/mod.ts";
import { destroyMatrix, type Matrix } from "../../ops/mod.ts";
import type { ModelPlan } from "./model_plan.ts";

/** Bytes that may wait in staging memory for their way to the device; handing over every small tensor costs more than its copy. */
const FLUSH_BYTES = 4 * 1024 * 1024;

/** Weights on the device, with their end. */
export interface LoadedWeights extends Weights {
  destroy(): void;
}

/**
 * Allocates every tensor of the plan and fills it from the package.
 *
 * @param onProgress share from 0 to 1
 * @throws {ModelInvalidError} a shard is damaged
 * @throws {DeviceError} the device has not enough memory
 */
export async function loadWeights(
  device: GpuDevice,
  pkg: ModelPackage,
  plan: ModelPlan,
  onProgress: (share: number) => void = () => {},
): Promise<LoadedWeights> {
  const store = plan.kernelSet.matrices;
  const matrices = new Map<string, Matrix>();
  const vectors = new Map<string, GPUBuffer>();
  const destroy = () => {
    for (const matrix of matrices.values()) destroyMatrix(matrix);
    for (const vector of vectors.values()) vector.destroy();
  };
  try {
    await device.guard(`the weights of ${pkg.dir}`, async () => {
      for (const [name, layout] of plan.matrices) {
        matrices.set(name, store.create(device, name, layout));
      }
      for (const [name, size] of plan.vectors) {
        vectors.set(name, device.createBuffer(name, 4 * size));
      }
      await fill(device, pkg, { plan, matrices, vectors, onProgress });
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

/** What is filled. */
interface Targets {
  plan: ModelPlan;
  matrices: ReadonlyMap<string, Matrix>;
  vectors: ReadonlyMap<string, GPUBuffer>;
  onProgress: (share: number) => void;
}

async function fill(
  device: GpuDevice,
  pkg: ModelPackage,
  { plan, matrices, vectors, onProgress }: Targets,
): Promise<void> {
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
    } else {
      plan.kernelSet.matrices.write(
        device,
        matrices.get(target.name)!,
        target.plane,
        tensor.bytes,
      );
    }
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
