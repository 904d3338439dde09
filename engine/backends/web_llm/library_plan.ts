/**
 * What loading a package with its compiled library will take, from the index, the library's metadata and the adapter.
 * Loads nothing.
 *
 * @module
 */
import { ModelInvalidError } from "../../errors.ts";
import type { ModelPackage } from "../../formats/mod.ts";
import type { AdapterInfo } from "../../gpu/mod.ts";
import { DEFAULT_MAX_SEQUENCES, type MemoryPlan, planMemory } from "../../runtime/memory_plan.ts";
import type { Library } from "./library.ts";
import { PAGE_SIZE } from "./library_model.ts";

/** Sizes that may be asked for. */
export interface LibraryPlanOptions {
  contextLength?: number;
  maxSequences?: number;
}

/** What a load will do. */
export interface LibraryPlan {
  /** Element type of the KV cache. */
  readonly kvElem: "f16" | "f32";
  readonly memory: MemoryPlan;
}

/** Activations that the library itself holds, beside what its metadata names: the buffers of its KV cache. */
const RESERVED_BYTES = 32 * 1024 * 1024;

/**
 * Matches a package with a library.
 *
 * @throws {ModelInvalidError} the library is of another model or quantization, a tensor is missing, of another shape, or
 *     larger than the adapter binds
 */
export function planLibrary(
  pkg: ModelPackage,
  library: Library,
  adapter: Pick<AdapterInfo, "kind" | "maxBindingBytes">,
  options: LibraryPlanOptions = {},
): LibraryPlan {
  checkParams(pkg, library, adapter.maxBindingBytes);
  const { kv } = library;
  if (kv === null) {
    throw new ModelInvalidError(
      `The model library "${library.path}" makes embeddings: it has no KV cache to generate with`,
    );
  }
  const kvElem = library.quantization.includes("f32") ? "f32" : "f16";
  const kvRowBytes = kv.numKeyValueHeads * kv.headDim * (kvElem === "f16" ? 2 : 4);
  const wantedSequences = options.maxSequences ?? DEFAULT_MAX_SEQUENCES;
  const maxSequences = Math.min(wantedSequences, library.maxBatchSize);
  const activationBytes = Math.max(0, ...Object.values(library.memoryUsage)) + RESERVED_BYTES;
  const memory = planMemory({
    kind: adapter.kind,
    // Keys and values of a layer are one buffer there, with a page more than it was asked for.
    maxBindingBytes: adapter.maxBindingBytes / 2 - PAGE_SIZE * kvRowBytes,
    numLayers: kv.numLayers,
    kvRowBytes,
    tokenBytes: 0,
    logitsRowBytes: 4 * pkg.vocabSize,
    positionBytes: 0,
    weightsBytes: countBytes(pkg),
    modelContextLength: pkg.contextLength,
    ...options,
    maxSequences,
  });
  return {
    kvElem,
    memory: {
      ...memory,
      reasons: maxSequences < wantedSequences
        ? [`The library takes ${maxSequences} sequences at once`, ...memory.reasons]
        : memory.reasons,
      blockSize: PAGE_SIZE,
      maxStepTokens: Math.min(memory.maxStepTokens, library.prefillChunkSize),
      activationBytes: memory.activationBytes + activationBytes,
    },
  };
}

function checkParams(pkg: ModelPackage, library: Library, maxBindingBytes: number): void {
  if (pkg.modelType !== library.modelType || pkg.quantization !== library.quantization) {
    throw new ModelInvalidError(
      `The model library "${library.path}" is compiled for ${library.modelType} in ${library.quantization}, ` +
        `the package is ${pkg.modelType} in ${pkg.quantization}; give the library of this package`,
    );
  }
  for (const { name, shape } of library.params) {
    const tensor = pkg.tensors.get(name);
    if (!tensor) {
      throw new ModelInvalidError(
        `The package lacks the tensor "${name}", which the model library takes; download it again`,
      );
    }
    const fits = shape.length === tensor.shape.length &&
      shape.every((size, i) => typeof size === "string" || size === tensor.shape[i]);
    if (!fits) {
      throw new ModelInvalidError(
        `The tensor "${name}" is [${tensor.shape}], the model library takes [${shape}]; give the library of this package`,
      );
    }
    const numBytes = tensorBytes(tensor);
    if (numBytes > maxBindingBytes) {
      throw new ModelInvalidError(
        `The tensor "${name}" has ${numBytes} bytes, the adapter binds at most ${maxBindingBytes}, and a compiled ` +
          "library cannot split it; use --backend wgsl, which does",
      );
    }
  }
}

function countBytes(pkg: ModelPackage): number {
  let numBytes = 0;
  for (const tensor of pkg.tensors.values()) numBytes += tensorBytes(tensor);
  return numBytes;
}

function tensorBytes({ shape, dtype }: { shape: readonly number[]; dtype: string }): number {
  return shape.reduce((product, size) => product * size, 1) * (dtype === "f16" ? 2 : 4);
}
