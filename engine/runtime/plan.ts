/**
 * What loading a model would do, from its index and the adapter. Loads no weight and never throws for a model that cannot run.
 *
 * @module
 */
import { type Library, planLibrary, readLibrary } from "../backends/web_llm/mod.ts";
import {
  computeStepCosts,
  describeKernels,
  type ModelPlan,
  planModel,
} from "../backends/wgsl/mod.ts";
import { EngineError, InvalidRequestError } from "../errors.ts";
import { type ModelPackage, openPackage } from "../formats/mod.ts";
import type { AdapterInfo } from "../gpu/mod.ts";
import type { BackendName, ModelInfo, RuntimeOptions, RuntimePlan } from "../types.ts";
import { isOn, type ReadMeasurements } from "./measurements.ts";
import type { MemoryPlan } from "./memory_plan.ts";
import { predictRates } from "./prediction.ts";

/** Backends by the names that a user may write. */
const BACKEND_NAMES: Readonly<Record<string, BackendName>> = {
  "wgsl": "wgsl",
  "optimized-native": "wgsl",
  "web-llm": "web-llm",
  "transformers-generic": "web-llm",
};

/** What a plan may ask of the machine; it does so only for a model that could run. */
export interface Machine {
  describeAdapter(): Promise<AdapterInfo>;
  /** What earlier loads found out about its speed. */
  readMeasurements(): Promise<ReadMeasurements>;
}

/** Sizes that were asked for. */
type Sizes = Pick<RuntimeOptions, "contextLength" | "maxSequences">;

/**
 * Plans a load.
 *
 * @throws {InvalidRequestError} unknown backend
 */
export async function planRuntime(
  model: ModelInfo,
  machine: Machine,
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
      return await planWebLlm(model, pkg, { path, sizes, adapter: machine.describeAdapter });
    }
    return await planWgsl(model, pkg, { sizes, machine, reasons });
  } catch (error) {
    if (error instanceof EngineError) return planNothing(model, [...reasons, error.message]);
    throw error;
  }
}

/** Our own kernels where they can run the model, else its library. */
function chooseBackend({ task, supportLevel }: ModelInfo): BackendName {
  return task === "generate" && supportLevel !== "generic" ? "wgsl" : "web-llm";
}

async function planWgsl(
  model: ModelInfo,
  pkg: ModelPackage,
  { sizes, machine, reasons }: { sizes: Sizes; machine: Machine; reasons: string[] },
): Promise<RuntimePlan> {
  const adapter = await machine.describeAdapter();
  const modelPlan = planModel(pkg, adapter, sizes);
  const { memory, kernelSet, kvElem, matrices } = modelPlan;
  if (kernelSet.name === "software") {
    reasons.push("The adapter runs on the CPU: weights go into textures, which are faster there");
    if (modelPlan.fusesLayers) {
      reasons.push("The layers of a token go as one dispatch, where the driver's threads allow it");
    }
  } else if (adapter.kind === "software") {
    reasons.push(
      "The adapter runs on the CPU without subgroups of four: it gets the kernels for GPUs",
    );
  }
  const isRounded = [...matrices.values()].some((layout) =>
    kernelSet.activationsOf(layout) === "int8"
  );
  if (isRounded) {
    reasons.push(
      "Layers read their activations as int8 in groups of 32, as CPU engines do; a package in q4f32_1 keeps f32",
    );
  }
  const plan = planOf(model, adapter, memory, reasons);
  const { prediction, reason } = await predict(modelPlan, pkg, { adapter, machine });
  return {
    ...plan,
    backend: "wgsl",
    kernelSet: kernelSet.name,
    dtypes: { weights: pkg.quantization, activations: isRounded ? "int8" : "f32", kv: kvElem },
    prediction,
    reasons: [...plan.reasons, ...reason],
  };
}

/** The rates, or why there are none. */
async function predict(
  plan: ModelPlan,
  { quantization }: ModelPackage,
  { adapter, machine }: { adapter: AdapterInfo; machine: Machine },
): Promise<{ prediction: RuntimePlan["prediction"]; reason: string[] }> {
  const { measurements, fault } = await machine.readMeasurements();
  const on = describeKernels(plan, adapter);
  const prediction = predictRates(
    { ...computeStepCosts(plan), quantization, ...plan.memory },
    measurements.filter((measurement) => isOn(measurement, on)),
  );
  if (prediction !== null) return { prediction, reason: [] };
  const why = fault ??
    "no model was measured on this adapter with these kernels; load any model once";
  return { prediction, reason: [`No rates are predicted: ${why}`] };
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
  const reasons = [
    `Runs on its compiled library: ${model.modelType} in ${model.quantization}`,
    "Rates are predicted for our own kernels alone",
  ];
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
    prediction: null,
    reasons,
    remarks: [],
  };
}
