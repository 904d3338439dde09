/**
 * Weights on their way to the device.
 *
 * @module
 */
import { EngineError, fromErrorRecord } from "../../errors.ts";
import type { ModelPackage, TensorInfo } from "../../formats/mod.ts";
import { type BufferResource, destroyResources, type GpuDevice } from "../../gpu/mod.ts";
import type { Weights } from "../../models/mod.ts";
import { type Matrix, shapeOfMatrix } from "../../ops/mod.ts";
import type { ModelPlan } from "./model_plan.ts";
import {
  type PackRequest,
  packTensors,
  type PackWorkerReply,
  type PackWorkerRequest,
} from "./pack_tensors.ts";
import { createRingMemory, type Piece, RingReader } from "./piece_ring.ts";

/** Bytes that may wait in staging memory for their way to the device; handing over every small tensor costs more than its copy. */
const FLUSH_BYTES = 4 * 1024 * 1024;

/** Bytes of a package from which on a worker packs it: starting it takes as long as packing some 30 MB. */
const MIN_WORKER_BYTES = 64 * 1024 * 1024;

/** Weights on the device, with their end. */
export interface LoadedWeights extends Weights {
  destroy(): void;
}

/** Options of {@linkcode WeightsLoading.begin}. */
export interface LoadWeightsOptions {
  /** That of the package. */
  readonly plan: ModelPlan;
  /** Share from 0 to 1 of the bytes. */
  readonly onProgress?: (share: number) => void;
  /**
   * Bytes of a package from which on a worker packs it.
   * @default 67108864
   */
  readonly minWorkerBytes?: number;
}

/** The weights of a package: allocated at once, filled by and by. */
export class WeightsLoading implements Disposable {
  /** What kernels may be bound to. Holds the package's values once {@linkcode check} has resolved. */
  readonly weights: LoadedWeights;
  readonly #device: GpuDevice;
  readonly #pkg: ModelPackage;
  readonly #plan: ModelPlan;
  readonly #onProgress: (share: number) => void;
  /** In the order of the package. */
  readonly #tensors: readonly TensorInfo[];
  readonly #matrices: ReadonlyMap<string, Matrix>;
  readonly #vectors: ReadonlyMap<string, BufferResource>;
  readonly #packer: Packer | null;
  /** Of the tensors before the one that is uploaded. */
  #numBytes = 0;
  #current = 0;
  #pendingBytes = 0;

  private constructor(
    device: GpuDevice,
    pkg: ModelPackage,
    { plan, onProgress = () => {}, minWorkerBytes = MIN_WORKER_BYTES }: LoadWeightsOptions,
  ) {
    const { kernelSet } = plan;
    this.#device = device;
    this.#pkg = pkg;
    this.#plan = plan;
    this.#onProgress = onProgress;
    this.#tensors = pkg.shards.flatMap(({ tensors }) => tensors);
    const matrices = kernelSet.matrices.createAll(device, plan.matrices);
    const vectors = kernelSet.createVectors(device, plan.vectors);
    this.#matrices = matrices;
    this.#vectors = vectors;
    this.weights = {
      has: (name) => matrices.has(name),
      matrix: (name) => matrices.get(name)!,
      vector: (name) => vectors.get(name)!,
      destroy() {
        const parts = matrices.values().flatMap((matrix) => matrix.parts);
        destroyResources([...parts.flatMap((part) => part.resources), ...vectors.values()]);
      },
    };
    this.#packer = pkg.weightsBytes < minWorkerBytes
      ? null
      : new Packer(this.#request(), plan, (piece) => this.#upload(piece));
  }

  /**
   * Allocates every tensor of a package. A large one is read and packed by a worker from now on.
   *
   * @throws {DeviceError} the device has not enough memory
   */
  static async begin(
    device: GpuDevice,
    pkg: ModelPackage,
    options: LoadWeightsOptions,
  ): Promise<WeightsLoading> {
    let loading: WeightsLoading | undefined;
    const build = () => loading = new WeightsLoading(device, pkg, options);
    try {
      return await device.guard(`the weights of ${pkg.dir}`, build);
    } catch (error) {
      loading?.[Symbol.dispose]();
      loading?.weights.destroy();
      throw error;
    }
  }

  /** Uploads what is packed. To be called now and then by whoever keeps this thread busy: the worker waits when much is packed. */
  advance(): void {
    this.#packer?.drain();
  }

  /**
   * Resolves when all weights are on their way to the device; whether they are intact, {@linkcode check} knows.
   *
   * @throws {ModelInvalidError} a shard is damaged
   */
  async finish(): Promise<void> {
    await this.#device.guard(`the weights of ${this.#pkg.dir}`, async () => {
      if (this.#packer) await this.#packer.finish();
      else await this.#packHere();
      this.#device.flush();
    });
    this.#onProgress(1);
  }

  /**
   * Resolves when all shards are known to be intact.
   *
   * @throws {ModelInvalidError} one is damaged
   */
  async check(): Promise<void> {
    await this.#packer?.ended;
  }

  /** Ends the worker, wherever it is. */
  [Symbol.dispose](): void {
    this.#packer?.[Symbol.dispose]();
  }

  #request(): PackRequest {
    return {
      shards: this.#pkg.shards,
      matrices: new Map(
        this.#matrices.entries().map(([name, matrix]) => [name, shapeOfMatrix(matrix)]),
      ),
      targets: this.#plan.targets,
    };
  }

  async #packHere(): Promise<void> {
    let memory = new Uint8Array(0);
    let bytes = memory;
    await packTensors(this.#request(), this.#plan.kernelSet.matrices, {
      allocate(nbytes) {
        if (memory.length < nbytes) memory = new Uint8Array(nbytes);
        return bytes = memory.subarray(0, nbytes);
      },
      put: (header) => this.#upload({ ...header, bytes }),
      end: () => {},
    });
  }

  #upload({ tensor, bytes, ...place }: Omit<Piece, "bytes"> & { bytes: Uint8Array }): void {
    for (; this.#current < tensor; this.#current++) {
      this.#numBytes += this.#tensors[this.#current]!.nbytes;
    }
    this.#onProgress(this.#numBytes / this.#pkg.weightsBytes);
    const { targets, kernelSet: { matrices } } = this.#plan;
    const target = targets.get(this.#tensors[tensor]!.name)!;
    if (target.kind === "vector") {
      this.#device.writeBuffer(this.#vectors.get(target.name)!, bytes);
    } else matrices.upload(this.#device, this.#matrices.get(target.name)!, place, bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes < FLUSH_BYTES) return;
    this.#device.flush();
    this.#pendingBytes = 0;
  }
}

/** The worker, with this thread's end of the ring. */
class Packer implements Disposable {
  readonly #worker = new Worker(new URL("./pack_worker.ts", import.meta.url), {
    type: "module",
    name: "packer",
  });
  readonly #reader: RingReader;
  readonly #use: (piece: Piece) => void;
  /** Resolves when the worker has packed and checked all. */
  readonly ended: Promise<void>;

  constructor(request: PackRequest, plan: ModelPlan, use: (piece: Piece) => void) {
    const { name: kernelSet, matrices: store } = plan.kernelSet;
    const ring = createRingMemory(Math.max(
      ...plan.matrices.values().map((layout) => store.maxPieceBytes(layout)),
      ...plan.vectors.values().map((size) => 4 * size),
    ));
    this.#use = use;
    this.#reader = new RingReader(ring);
    this.ended = new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<PackWorkerReply>) => {
        if (data === "packed") resolve();
        else reject(fromErrorRecord(data.error));
      };
      this.#worker.onerror = (event) => {
        event.preventDefault(); // or the runtime ends the whole process
        reject(new EngineError("engine_failed", `The weights' packer died: ${event.message}`));
      };
    });
    this.ended.catch(() => {}); // fails again where it is awaited
    this.#worker.postMessage({ ...request, kernelSet, ring } satisfies PackWorkerRequest);
  }

  drain(): void {
    this.#reader.drain(this.#use);
  }

  /** Resolves when all pieces have come. */
  async finish(): Promise<void> {
    for (this.drain(); !this.#reader.hasEnded; this.drain()) {
      await Promise.race([this.#reader.wait(), this.ended]); // the latter for its error
    }
  }

  [Symbol.dispose](): void {
    this.#reader.close();
    this.#worker.terminate();
  }
}
