/**
 * Tensors of a package, packed as kernels read them. Needs no device, so it runs on any thread.
 *
 * @module
 */
import { type ErrorRecord, ModelInvalidError } from "../../errors.ts";
import { type LoadedTensor, type ModelPackage, readTensors } from "../../formats/mod.ts";
import type { KernelSet, MatrixShape, MatrixStore, PieceSink } from "../../ops/mod.ts";
import type { TensorTarget } from "./model_plan.ts";
import type { PieceHeader, RingMemory } from "./piece_ring.ts";

/** Where packed bytes go; as `PieceSink`, with the tensor's number. */
export interface TensorSink extends Pick<PieceSink, "allocate"> {
  put(header: PieceHeader): void;
  /** Nothing more will come. */
  end(): void;
}

/** What is packed, in what another thread can be told. */
export interface PackRequest {
  readonly shards: ModelPackage["shards"];
  /** By the name of their spec. */
  readonly matrices: ReadonlyMap<string, MatrixShape>;
  /** By the name of the tensor. */
  readonly targets: ReadonlyMap<string, TensorTarget>;
}

/** To the worker of pack_worker.ts, once. */
export interface PackWorkerRequest extends PackRequest {
  readonly kernelSet: KernelSet["name"];
  readonly ring: RingMemory;
}

/** From the worker, once all pieces are in the ring, or it is known that they never will be. */
export type PackWorkerReply = "packed" | { readonly error: ErrorRecord };

/**
 * Reads and packs all tensors, in the order of the package. A vector is one piece, f32.
 *
 * Nobody may see what was computed with it before this has resolved: only then all shards are known to be intact.
 *
 * @throws {ModelInvalidError} a shard is damaged, or a vector holds a value that is not finite
 */
export async function packTensors(
  { shards, matrices, targets }: PackRequest,
  store: MatrixStore,
  sink: TensorSink,
): Promise<void> {
  const numTensors = shards.reduce((sum, { tensors }) => sum + tensors.length, 0);
  let notFinite: string | null = null;
  let number = 0;
  for await (const tensor of readTensors({ shards })) {
    const { name } = tensor.info;
    const own = number++;
    const target = targets.get(name)!;
    if (target.kind === "vector") {
      const values = toFloat32(tensor);
      if (!values.every(Number.isFinite)) notFinite ??= name;
      sink.allocate(values.byteLength).set(new Uint8Array(values.buffer));
      sink.put({ tensor: own, part: 0, resource: 0, offset: 0 });
    } else {
      store.pack(matrices.get(target.name)!, target.plane, tensor.bytes, {
        allocate: (nbytes) => sink.allocate(nbytes),
        put: (place) => sink.put({ tensor: own, ...place }),
      });
    }
    if (number === numTensors) sink.end(); // what is left is to check them
  }
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
