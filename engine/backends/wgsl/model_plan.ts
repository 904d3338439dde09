/**
 * From a package's index to everything that a load will do: architecture, layouts of all tensors, memory. Reads no weight.
 *
 * @module
 */
import type { Elem } from "../../../kernels/mod.ts";
import { ModelInvalidError } from "../../errors.ts";
import {
  countWeights,
  type ModelPackage,
  SUPPORTED_QUANTIZATIONS,
  type TensorInfo,
} from "../../formats/mod.ts";
import { type AdapterInfo, MIN_FUSED_WEIGHTS } from "../../gpu/mod.ts";
import {
  type Architecture,
  type DecoderConfig,
  findArchitecture,
  type TensorSpec,
} from "../../models/mod.ts";
import { chooseKernelSet, type KernelSet, type MatrixLayout, numGroupsOf } from "../../ops/mod.ts";
import { type MemoryPlan, planMemory } from "../../runtime/memory_plan.ts";
import type { RunnerLimits } from "../../runtime/runner.ts";

/** Where a tensor of the package goes. */
export type TensorTarget =
  | { readonly kind: "matrix"; readonly name: string; readonly plane: 0 | 1 }
  | { readonly kind: "vector"; readonly name: string };

/** What a load will do. */
export interface ModelPlan {
  readonly architecture: Architecture;
  readonly config: DecoderConfig;
  /** By the name of their spec. */
  readonly matrices: ReadonlyMap<string, MatrixLayout>;
  /** f32 elements by the name of their spec. */
  readonly vectors: ReadonlyMap<string, number>;
  /** Every tensor of the package, by its own name. */
  readonly targets: ReadonlyMap<string, TensorTarget>;
  readonly kernelSet: KernelSet;
  readonly kvElem: Elem;
  readonly memory: MemoryPlan;
  /** Whether layers go as one dispatch, where the device has a way: it takes a driver on the CPU seconds to compile. */
  readonly fusesLayers: boolean;
}

/** Sizes that may be asked for. */
export interface ModelPlanOptions {
  contextLength?: number;
  maxSequences?: number;
  /** @default on software adapters, from the size on from which models run on the driver's pool of threads */
  fusesLayers?: boolean;
}

/**
 * Matches the package with its architecture.
 *
 * @throws {ModelInvalidError} unsupported type or quantization; a tensor is missing, left over or of another shape
 */
export function planModel(
  pkg: ModelPackage,
  adapter: Pick<AdapterInfo, "kind" | "minSubgroupSize" | "maxBindingBytes">,
  { fusesLayers, ...sizes }: ModelPlanOptions = {},
): ModelPlan {
  if (!SUPPORTED_QUANTIZATIONS.has(pkg.quantization)) {
    throw new ModelInvalidError(
      `The model is quantized as "${pkg.quantization}"; ${
        [...SUPPORTED_QUANTIZATIONS].join(", ")
      } can be run`,
    );
  }
  const architecture = findArchitecture(pkg.modelType);
  const config = architecture.readConfig(pkg.config);
  const hasTensor = (name: string) =>
    pkg.tensors.has(`${name}.weight`) || pkg.tensors.has(`${name}.q_weight`);
  const specs = architecture.tensors(config, hasTensor);
  const matrices = new Map<string, MatrixLayout>();
  const vectors = new Map<string, number>();
  const targets = new Map<string, TensorTarget>();
  for (const spec of specs) {
    if (spec.kind === "vector") {
      const name = spec.name.endsWith(".bias") ? spec.name : `${spec.name}.weight`;
      requireTensor(pkg, name, [spec.size], ["f16", "f32"]);
      vectors.set(spec.name, spec.size);
      targets.set(name, { kind: "vector", name: spec.name });
    } else matrices.set(spec.name, matchMatrix(pkg, spec, targets));
  }
  const leftOver = [...pkg.tensors.keys()].find((name) => !targets.has(name));
  if (leftOver !== undefined) {
    throw new ModelInvalidError(
      `The package holds the tensor "${leftOver}", which a ${pkg.modelType} model does not use; ` +
        "without it the model would compute something else",
    );
  }
  const kernelSet = chooseKernelSet(adapter);
  const kvElem: Elem = pkg.quantization.includes("f16") ? "f16" : "f32";
  const memory = planMemory({
    kind: adapter.kind,
    maxBindingBytes: adapter.maxBindingBytes,
    ...stepBytes(config, kvElem),
    weightsBytes: weightsBytes(kernelSet, { matrices, vectors }),
    modelContextLength: pkg.contextLength,
    ...sizes,
  });
  return {
    architecture,
    config,
    matrices,
    vectors,
    targets,
    kernelSet,
    kvElem,
    memory,
    fusesLayers: fusesLayers ??
      (kernelSet.name === "software" && countWeights(pkg) >= MIN_FUSED_WEIGHTS),
  };
}

function weightsBytes(
  kernelSet: KernelSet,
  { matrices, vectors }: Pick<ModelPlan, "matrices" | "vectors">,
): number {
  let bytes = 0;
  for (const layout of matrices.values()) bytes += kernelSet.matrices.computeBytes(layout);
  for (const size of vectors.values()) bytes += 4 * size;
  return bytes;
}

/** What a runner of the plan can take. */
export function runnerLimits({ memory, config }: ModelPlan): RunnerLimits {
  return {
    maxStepTokens: memory.maxStepTokens,
    maxSequences: memory.maxSequences,
    maxLogitsRows: memory.maxLogitsRows,
    contextLength: memory.contextLength,
    numBlocks: memory.numBlocks,
    blockSize: memory.blockSize,
    vocabSize: config.vocabSize,
    canShareBlocks: true,
    canRewind: true, // slots are overwritten
  };
}

/** Bytes of a step: at most, since a kernel set may keep some activations smaller, or not at all. */
function stepBytes(config: DecoderConfig, kvElem: Elem) {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const attentionSize = numAttentionHeads * headDim;
  const qkvSize = attentionSize + 2 * numKeyValueHeads * headDim;
  return {
    numLayers: config.numHiddenLayers,
    kvRowBytes: numKeyValueHeads * headDim * (kvElem === "f16" ? 2 : 4),
    // The residual stream and its norm; queries, keys and values; attention's input and output; gate, up and their product.
    tokenBytes: 4 * (2 * hiddenSize + qkvSize + 2 * attentionSize + 3 * intermediateSize),
    logitsRowBytes: 4 * config.vocabSize,
    positionBytes: 4 * config.rotaryDim * config.ropes.length,
  };
}

function matchMatrix(
  pkg: ModelPackage,
  spec: TensorSpec & { kind: "matrix" },
  targets: Map<string, TensorTarget>,
): MatrixLayout {
  const { name, numRows, numCols } = spec;
  if (pkg.tensors.has(`${name}.q_weight`)) {
    const numGroups = numGroupsOf(spec);
    requireTensor(pkg, `${name}.q_weight`, [numRows, 4 * numGroups], ["u32"]);
    const scale = requireTensor(pkg, `${name}.q_scale`, [numRows, numGroups], ["f16", "f32"]);
    targets.set(`${name}.q_weight`, { kind: "matrix", name, plane: 0 });
    targets.set(`${name}.q_scale`, { kind: "matrix", name, plane: 1 });
    return { numRows, numCols, format: "q4", elem: scale.dtype as Elem };
  }
  const weight = requireTensor(pkg, `${name}.weight`, [numRows, numCols], ["f16", "f32"]);
  targets.set(`${name}.weight`, { kind: "matrix", name, plane: 0 });
  return { numRows, numCols, format: "dense", elem: weight.dtype as Elem };
}

function requireTensor(
  pkg: ModelPackage,
  name: string,
  shape: number[],
  dtypes: TensorInfo["dtype"][],
): TensorInfo {
  const tensor = pkg.tensors.get(name);
  const wanted = `[${shape}] ${dtypes.join(" or ")}`;
  if (!tensor) {
    throw new ModelInvalidError(
      `The package lacks the tensor "${name}" ${wanted}; download it again, or correct model_type`,
    );
  }
  if (String(tensor.shape) !== String(shape) || !dtypes.includes(tensor.dtype)) {
    throw new ModelInvalidError(
      `The tensor "${name}" is [${tensor.shape}] ${tensor.dtype}, but the config asks for ${wanted}`,
    );
  }
  return tensor;
}
