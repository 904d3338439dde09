/**
 * What loading a model would do, from its index and the adapter. Loads no weight and never throws for a model that cannot run.
 *
 * @module
 */
import { type Library, planLibrary, readLibrary } from "../backends/web_llm/mod.ts";
import { planModel } from "../backends/wgsl/mod.ts";
import { EngineError, InvalidRequestError } from "../errors.ts";
import { type ModelPackage, openPackage } from "../formats/mod.ts";
import type { AdapterInfo } from "../gpu/mod.ts";
import type { BackendName, ModelInfo, RuntimeOptions, RuntimePlan } from "../types.ts";
import type { MemoryPlan } from "./memory_plan.ts";

/** Backends by the names that a user may write. */
const BACKEND_NAMES: Readonly<Record<string, BackendName>> = {
  "wgsl": "wgsl",
  "optimized-native": "wgsl",
  "web-llm": "web-llm",
  "transformers-generic": "web-llm",
};

/** Sizes that were asked for. */
type Sizes = Pick<RuntimeOptions, "contextLength" | "maxSequences">;

/**
 * Plans a load.
 *
 * @param adapter looks at the adapter only when the model could run
 * @throws {InvalidRequestError} unknown backend
 */
export async function planRuntime(
  model: ModelInfo,
  adapter: () => Promise<AdapterInfo>,
  options: RuntimeOptions,
): Promise<RuntimePlan> {
  const asked = options.backend === undefined ? undefined : parseBackend(options.backend);
  const backend = asked ?? chooseBackend(model);
  const reasons = [model.message];
  const isRunnable = model.supportLevel !== "unsupported" || asked === "web-llm";
  if (!isRunnable || model.path === null || !model.materialized) {
    return planNothing(model, reasons);
  }
  // An id of the catalog may see less than its package.
  const contextLength = options.contextLength ?? model.contextLength;
  const sizes = {
    ...(contextLength === null ? {} : { contextLength }),
    ...(options.maxSequences === undefined ? {} : { maxSequences: options.maxSequences }),
  };
  try {
    const pkg = await openPackage(model.path);
    if (backend === "web-llm") {
      const path = options.library ?? model.library?.path;
      return await planWebLlm(model, pkg, { path, sizes, adapter });
    }
    return planWgsl(model, pkg, { sizes, adapter: await adapter(), reasons });
  } catch (error) {
    if (error instanceof EngineError) return planNothing(model, [...reasons, error.message]);
    throw error;
  }
}

/** Our own kernels where they can run the model, else its library. */
function chooseBackend({ task, supportLevel }: ModelInfo): BackendName {
  return task === "generate" && supportLevel !== "generic" ? "wgsl" : "web-llm";
}

function planWgsl(
  model: ModelInfo,
  pkg: ModelPackage,
  { sizes, adapter, reasons }: { sizes: Sizes; adapter: AdapterInfo; reasons: string[] },
): RuntimePlan {
  const { memory, kernelSet, kvElem } = planModel(pkg, adapter, sizes);
  if (adapter.kind === "software") {
    reasons.push("The adapter runs on the CPU: weights go into textures, which are faster there");
  }
  return {
    ...planOf(model, adapter, memory, reasons),
    backend: "wgsl",
    kernelSet: kernelSet.name,
    dtypes: { weights: pkg.quantization, activations: "f32", kv: kvElem },
  };
}

async function planWebLlm(
  model: ModelInfo,
  pkg: ModelPackage,
  { path, sizes, adapter }: {
    path: string | undefined;
    sizes: Sizes;
    adapter: () => Promise<AdapterInfo>;
  },
): Promise<RuntimePlan> {
  if (path === undefined) {
    const advice = "No compiled library is known for this model; name one with --model-library";
    return planNothing(model, [advice]);
  }
  const reasons = [`Runs on its compiled library: ${model.modelType} in ${model.quantization}`];
  const library = await readLibrary(path);
  const info = await adapter();
  if (model.task === "embed") return planEmbedder(model, pkg, { library, info, reasons });
  const { memory, kvElem } = planLibrary(pkg, library, info, sizes);
  reasons.push("Whether the library takes several sequences at once is tried at load");
  return {
    ...planOf(model, info, memory, reasons),
    backend: "web-llm",
    kernelSet: null,
    dtypes: { weights: pkg.quantization, activations: kvElem, kv: kvElem },
  };
}

/** Embedding models have neither a KV cache nor sequences. */
function planEmbedder(
  model: ModelInfo,
  pkg: ModelPackage,
  { library, info, reasons }: { library: Library; info: AdapterInfo; reasons: string[] },
): RuntimePlan {
  const weightsBytes = pkg.weightsBytes;
  const activationBytes = Math.max(0, ...Object.values(library.memoryUsage));
  return {
    ...planNothing(model, reasons),
    backend: "web-llm",
    adapter: info.description,
    memory: {
      weightsBytes,
      kvBytes: 0,
      activationBytes,
      totalBytes: weightsBytes + activationBytes,
    },
    contextLength: Math.min(library.prefillChunkSize, pkg.contextLength),
    maxSequences: library.maxBatchSize,
  };
}

function planOf(
  model: ModelInfo,
  { description }: AdapterInfo,
  memory: MemoryPlan,
  reasons: string[],
): RuntimePlan {
  const { weightsBytes, kvBytes, activationBytes, numBlocks, blockSize } = memory;
  return {
    ...planNothing(model, [...reasons, ...memory.reasons]),
    adapter: description,
    memory: {
      weightsBytes,
      kvBytes,
      activationBytes,
      totalBytes: weightsBytes + kvBytes + activationBytes,
    },
    contextLength: memory.contextLength,
    kvBlocks: { numBlocks, blockSize },
    maxSequences: memory.maxSequences,
  };
}

/** @throws {InvalidRequestError} an unknown name */
export function parseBackend(name: string): BackendName {
  const backend = BACKEND_NAMES[name.trim().toLowerCase()];
  if (backend) return backend;
  throw new InvalidRequestError(
    "backend",
    `Unknown backend "${name}"; ${Object.keys(BACKEND_NAMES).join(", ")} are known`,
  );
}

/** The plan of a model that cannot run, with the reasons. */
export function planNothing(model: ModelInfo, reasons: string[]): RuntimePlan {
  return {
    model,
    backend: null,
    kernelSet: null,
    adapter: null,
    dtypes: null,
    memory: null,
    contextLength: null,
    kvBlocks: null,
    maxSequences: null,
    reasons,
    remarks: [],
  };
}
