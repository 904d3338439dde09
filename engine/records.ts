/**
 * The published JSON forms of models and plans: snake_case, the same over HTTP and on the command line.
 *
 * @module
 */
import type { ModelInfo, RuntimePlan, SupportLevel } from "./types.ts";

/** What a reference resolves to, before anything is planned. */
export interface ResolvedModelRecord {
  /** The text that was asked for. */
  model_reference: string;
  /** Directory name or alias. */
  normalized_name: string;
  /** `builtin`, `hugging-face`, `local-path` or `opaque`. */
  source_kind: string;
  /** `optimized`, `generic` or `unsupported`. */
  support_level: string;
  /** What it reads; `text` alone so far. */
  modalities: string[];
  /** Whether images or audio need a front end. */
  requires_processor: boolean;
  /** Whether the KV cache may live on disk. */
  supports_disk_cache: boolean;
  /** Whether our own kernels run this architecture. */
  supports_specialization: boolean;
  /** Repository of a hub model, which can be downloaded; null for any other. */
  repo_id: string | null;
  /** Revision of a hub model. */
  revision: string | null;
  /** Directory of the package, absolute. */
  path: string | null;
  /** Architecture that our own kernels run it as. */
  native_family: string | null;
  /** Class name in the published config, where the package has one. */
  architecture: string | null;
  /** Architecture key of the package, for example `llama`. */
  model_type: string | null;
  /** `causal-lm` for a decoder; null for an embedding model, and when unknown. */
  generic_model_kind: string | null;
  /** One sentence: why this level. */
  resolution_message: string;
  /** Quantization name of the package; null when unknown. */
  quantization: string | null;
  /** Tokens a sequence may hold by the package's own word. */
  context_length: number | null;
  /** `generate` continues text, `embed` turns it into vectors. */
  task: string;
  /** Compiled library for the `web-llm` backend. */
  library: ModelInfo["library"];
  /** Device memory that the catalog states, in bytes. */
  memory_bytes: number | null;
  /** WebGPU features that the compiled library asks for. */
  required_features: string[];
}

/** One entry of a model listing. */
export interface ModelRecord extends ResolvedModelRecord {
  /** Whether the package is on disk and complete. */
  materialized: boolean;
  /** `built-in` (also for the catalog), `discovered-local`, or null when asked for by name. */
  discovery_source: string | null;
}

/** A model with what a plan makes of it: the plan's word stands in front, the package's own behind `resolved_`. */
export interface ModelInfoRecord extends ModelRecord {
  /** Level of the package, before planning. */
  resolved_support_level: string;
  /** What the package reads. */
  resolved_modalities: string[];
  /** Whether the package needs a front end for images or audio. */
  resolved_requires_processor: boolean;
  /** Whether the package allows a KV cache on disk. */
  resolved_supports_disk_cache: boolean;
  /** Why the package has this level. */
  resolved_resolution_message: string;
  /** How it would be run. */
  runtime_plan: RuntimePlanRecord;
}

/** What loading would do. Sizes in bytes, lengths in tokens. */
export interface RuntimePlanRecord {
  /** Null when nothing here can run the model. */
  backend_id: string | null;
  /** What it reads; `text` alone so far. */
  modalities: string[];
  /** Whether images or audio need a front end. */
  requires_processor: boolean;
  /** Whether the KV cache may live on disk. */
  supports_disk_cache: boolean;
  /** Whether layers may wait in host memory. */
  supports_cpu_offload: boolean;
  /** Whether layers may be pinned on the device. */
  supports_gpu_offload: boolean;
  /** Which of our model files runs it. */
  specialization_provider_id: string | null;
  /** Whether one was planned. */
  specialization_enabled: boolean;
  /** A plan shows these two states only. */
  specialization_state: "planned" | "not-planned";
  /** Optional passes; there are none yet. */
  planned_specialization_pass_ids: string[];
  /** All reasons in one text. */
  reason: string;
  /** `gpu` or `software`. */
  kernel_set: string | null;
  /** Adapter's own description. */
  adapter: string | null;
  /** Element types of weights, activations and KV cache. */
  dtypes: RuntimePlan["dtypes"];
  /** Bytes on the device. */
  memory: {
    weights_bytes: number;
    kv_bytes: number;
    activation_bytes: number;
    total_bytes: number;
  } | null;
  /** Tokens a sequence may hold. */
  context_length: number | null;
  /** Paged KV cache; the block size is in tokens. */
  kv_blocks: { num_blocks: number; block_size: number } | null;
  /** Sequences that run at once. */
  max_sequences: number | null;
  /** Rates of one sequence alone; null, with a reason, where nothing measured says so. */
  prediction: {
    num_prompt_tokens: number;
    prefill_tokens_per_second: number;
    decode_tokens_per_second: number;
    time_to_first_token_ms: number;
    basis: string;
  } | null;
  /** One sentence for each decision, in the order they were made. */
  reasons: string[];
  /** What loading found out that no plan can know. */
  remarks: string[];
  /** Further facts as text. */
  details: Record<string, string>;
}

/** Everything that `/v1/plan` and `ollm plan` print. */
export interface PlanRecord {
  /** The settings that were planned with, after layering. */
  runtime_config: Record<string, string | number | null>;
  /** What the reference resolves to. */
  resolved_model: ResolvedModelRecord;
  /** How it would be run. */
  runtime_plan: RuntimePlanRecord;
}

/** Publishes what a reference resolves to. */
export function toResolvedModelRecord(model: ModelInfo): ResolvedModelRecord {
  const isOptimized = model.supportLevel === "optimized";
  return {
    model_reference: model.reference,
    normalized_name: model.name,
    source_kind: model.sourceKind,
    support_level: model.supportLevel,
    modalities: ["text"],
    requires_processor: false,
    supports_disk_cache: false,
    supports_specialization: isOptimized,
    repo_id: model.repository,
    revision: model.revision,
    path: model.path,
    native_family: isOptimized ? model.modelType : null,
    architecture: null,
    model_type: model.modelType,
    generic_model_kind: model.modelType === null || model.task === "embed" ? null : "causal-lm",
    resolution_message: model.message,
    quantization: model.quantization,
    context_length: model.contextLength,
    task: model.task,
    library: model.library,
    memory_bytes: model.memoryBytes,
    required_features: model.requiredFeatures,
  };
}

/** Publishes an entry of a listing. */
export function toModelRecord(model: ModelInfo): ModelRecord {
  return {
    ...toResolvedModelRecord(model),
    materialized: model.materialized,
    discovery_source: model.discoverySource,
  };
}

/** Publishes a model with its plan. */
export function toModelInfoRecord(plan: RuntimePlan): ModelInfoRecord {
  const model = toModelRecord(plan.model);
  const runtimePlan = toRuntimePlanRecord(plan);
  return {
    ...model,
    support_level: plannedLevel(plan),
    modalities: runtimePlan.modalities,
    requires_processor: runtimePlan.requires_processor,
    supports_disk_cache: runtimePlan.supports_disk_cache,
    resolution_message: runtimePlan.reason,
    resolved_support_level: model.support_level,
    resolved_modalities: model.modalities,
    resolved_requires_processor: model.requires_processor,
    resolved_supports_disk_cache: model.supports_disk_cache,
    resolved_resolution_message: model.resolution_message,
    runtime_plan: runtimePlan,
  };
}

/** A model that is not here keeps the level that the catalog gives it, since nothing of it can be planned. */
function plannedLevel({ model, backend }: RuntimePlan): SupportLevel {
  switch (backend) {
    case "wgsl":
      return "optimized";
    case "web-llm":
      return "generic";
    case null:
      return model.materialized ? "unsupported" : model.supportLevel;
  }
}

/**
 * Publishes a plan.
 *
 * @param runtimeConfig the settings that were planned with, as they should be shown
 */
export function toPlanRecord(
  plan: RuntimePlan,
  runtimeConfig: PlanRecord["runtime_config"],
): PlanRecord {
  return {
    runtime_config: runtimeConfig,
    resolved_model: toResolvedModelRecord(plan.model),
    runtime_plan: toRuntimePlanRecord(plan),
  };
}

function toRuntimePlanRecord(plan: RuntimePlan): RuntimePlanRecord {
  const { model, memory, kvBlocks, prediction } = plan;
  const isPlanned = plan.backend === "wgsl";
  return {
    backend_id: plan.backend,
    modalities: ["text"],
    requires_processor: false,
    supports_disk_cache: false,
    supports_cpu_offload: false,
    supports_gpu_offload: false,
    specialization_provider_id: isPlanned && model.modelType !== null
      ? `${model.modelType}-wgsl`
      : null,
    specialization_enabled: isPlanned,
    specialization_state: isPlanned ? "planned" : "not-planned",
    planned_specialization_pass_ids: [],
    reason: [...plan.reasons, ...plan.remarks].join("; "),
    kernel_set: plan.kernelSet,
    adapter: plan.adapter,
    dtypes: plan.dtypes,
    memory: memory && {
      weights_bytes: memory.weightsBytes,
      kv_bytes: memory.kvBytes,
      activation_bytes: memory.activationBytes,
      total_bytes: memory.totalBytes,
    },
    context_length: plan.contextLength,
    kv_blocks: kvBlocks && { num_blocks: kvBlocks.numBlocks, block_size: kvBlocks.blockSize },
    max_sequences: plan.maxSequences,
    prediction: prediction && {
      num_prompt_tokens: prediction.numPromptTokens,
      prefill_tokens_per_second: roundDigits(prediction.prefillTokensPerSecond),
      decode_tokens_per_second: roundDigits(prediction.decodeTokensPerSecond),
      time_to_first_token_ms: roundDigits(prediction.timeToFirstTokenMs),
      basis: prediction.basis,
    },
    reasons: plan.reasons,
    remarks: plan.remarks,
    details: {
      source_kind: model.sourceKind,
      ...(isPlanned && model.modelType !== null ? { native_family: model.modelType } : {}),
      ...(plan.adapter === null ? {} : { execution_device_type: plan.adapter }),
    },
  };
}

/** Three digits: a prediction is not better than that. */
function roundDigits(value: number): number {
  return Number(value.toPrecision(3));
}
