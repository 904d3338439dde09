/**
 * What loading a model would do, from its index and the adapter. Loads no weight and never throws for a model that cannot run.
 *
 * @module
 */
import { planModel } from "../backends/wgsl/mod.ts";
import { EngineError, InvalidRequestError } from "../errors.ts";
import { openPackage } from "../formats/mod.ts";
import type { AdapterInfo } from "../gpu/mod.ts";
import type { ModelInfo, RuntimeOptions, RuntimePlan } from "../types.ts";

/** Backends by the names that a user may write. */
const BACKEND_NAMES: Readonly<Record<string, "wgsl" | "web-llm">> = {
  "wgsl": "wgsl",
  "optimized-native": "wgsl",
  "web-llm": "web-llm",
};

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
  const asked = options.backend === undefined ? "wgsl" : parseBackend(options.backend);
  const reasons = [model.message];
  if (model.supportLevel === "unsupported" || model.path === null) {
    return planNothing(model, reasons);
  }
  if (asked === "web-llm") {
    return planNothing(model, [
      ...reasons,
      "The web-llm backend is not part of this version; use wgsl",
    ]);
  }
  try {
    const pkg = await openPackage(model.path);
    const info = await adapter();
    const { memory, kernelSet, kvElem } = planModel(pkg, info, {
      ...(options.contextLength === undefined ? {} : { contextLength: options.contextLength }),
      ...(options.maxSequences === undefined ? {} : { maxSequences: options.maxSequences }),
    });
    if (info.kind === "software") {
      reasons.push("The adapter runs on the CPU: weights go into textures, which are faster there");
    }
    return {
      model,
      backend: "wgsl",
      kernelSet: kernelSet.name,
      adapter: info.description,
      dtypes: { weights: pkg.quantization, activations: "f32", kv: kvElem },
      memory: {
        weightsBytes: memory.weightsBytes,
        kvBytes: memory.kvBytes,
        activationBytes: memory.activationBytes,
        totalBytes: memory.weightsBytes + memory.kvBytes + memory.activationBytes,
      },
      contextLength: memory.contextLength,
      kvBlocks: { numBlocks: memory.numBlocks, blockSize: memory.blockSize },
      maxSequences: memory.maxSequences,
      reasons: [...reasons, ...memory.reasons],
    };
  } catch (error) {
    if (error instanceof EngineError) return planNothing(model, [...reasons, error.message]);
    throw error;
  }
}

function parseBackend(name: string): "wgsl" | "web-llm" {
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
  };
}
