/** What the native routes answer, for `/openapi.json`; tests hold the replies to it. @module */
import { z } from "zod";

/** A failure on a native route. */
export const DetailReply = z.strictObject({ detail: z.string() });

/** A native body or query that does not fit its schema. */
export const ValidationReply = z.strictObject({
  detail: z.array(z.strictObject({
    type: z.string(),
    loc: z.array(z.union([z.string(), z.int()])).describe("Begins with body or query"),
    msg: z.string(),
  })),
});

/** `GET /v1/health`; a caller without the key sees `ok` alone. */
export const HealthReply = z.strictObject({
  ok: z.literal(true),
  service: z.literal("ollm").optional(),
  version: z.string().optional(),
  server_mode: z.literal("local-only").optional(),
});

const ResolvedModel = z.strictObject({
  model_reference: z.string(),
  normalized_name: z.string(),
  source_kind: z.enum(["builtin", "hugging-face", "local-path", "opaque"]),
  support_level: z.enum(["optimized", "generic", "unsupported"]),
  modalities: z.array(z.string()),
  requires_processor: z.boolean(),
  supports_disk_cache: z.boolean(),
  supports_specialization: z.boolean(),
  repo_id: z.string().nullable().describe("Hub repository; the model can be downloaded"),
  revision: z.string().nullable(),
  path: z.string().nullable(),
  native_family: z.string().nullable(),
  architecture: z.string().nullable(),
  model_type: z.string().nullable(),
  generic_model_kind: z.string().nullable(),
  resolution_message: z.string(),
  quantization: z.string().nullable(),
  context_length: z.int().nullable(),
  task: z.enum(["generate", "embed"]),
  library: z.strictObject({ path: z.string(), url: z.string().nullable() }).nullable()
    .describe("Compiled library for the web-llm backend"),
  memory_bytes: z.int().nullable().describe("Device memory that the catalog states"),
  required_features: z.array(z.string()).describe("WebGPU features that the library asks for"),
});

const RuntimePlan = z.strictObject({
  backend_id: z.string().nullable().describe("Null when nothing here can run the model"),
  modalities: z.array(z.string()),
  requires_processor: z.boolean(),
  supports_disk_cache: z.boolean(),
  supports_cpu_offload: z.boolean(),
  supports_gpu_offload: z.boolean(),
  specialization_provider_id: z.string().nullable(),
  specialization_enabled: z.boolean(),
  specialization_state: z.enum(["planned", "not-planned"]),
  planned_specialization_pass_ids: z.array(z.string()),
  reason: z.string(),
  kernel_set: z.string().nullable(),
  adapter: z.string().nullable(),
  dtypes: z.strictObject({ weights: z.string(), activations: z.string(), kv: z.string() })
    .nullable(),
  memory: z.strictObject({
    weights_bytes: z.int(),
    kv_bytes: z.int(),
    activation_bytes: z.int(),
    total_bytes: z.int(),
  }).nullable(),
  context_length: z.int().nullable(),
  kv_blocks: z.strictObject({ num_blocks: z.int(), block_size: z.int() }).nullable(),
  max_sequences: z.int().nullable(),
  prediction: z.strictObject({
    num_prompt_tokens: z.int().describe("What the other numbers are for"),
    prefill_tokens_per_second: z.number(),
    decode_tokens_per_second: z.number(),
    time_to_first_token_ms: z.number(),
    basis: z.string().describe("What was measured, and how it was scaled"),
  }).nullable().describe("Rates of one sequence alone, from what loads on this adapter measured"),
  reasons: z.array(z.string()),
  remarks: z.array(z.string()),
  details: z.record(z.string(), z.string()),
});

/** `GET /v1/ollm/models/{model_reference}`: the plan's view, and the package's own behind `resolved_`. */
export const ModelInfoReply = ResolvedModel.extend({
  materialized: z.boolean().describe("Whether the package is on disk and complete"),
  discovery_source: z.enum(["built-in", "discovered-local"]).nullable(),
  resolved_support_level: z.string(),
  resolved_modalities: z.array(z.string()),
  resolved_requires_processor: z.boolean(),
  resolved_supports_disk_cache: z.boolean(),
  resolved_resolution_message: z.string(),
  runtime_plan: RuntimePlan,
});

/** `GET /v1/ollm/models`. */
export const ModelInfosReply = z.strictObject({ models: z.array(ModelInfoReply) });

/** `POST /v1/plan`. */
export const PlanReply = z.strictObject({
  runtime_config: z.record(z.string(), z.union([z.string(), z.number()]).nullable()),
  resolved_model: ResolvedModel,
  runtime_plan: RuntimePlan,
});

/** `POST /v1/prompt`. */
export const PromptReply = z.strictObject({
  text: z.string(),
  metadata: z.record(z.string(), z.string()).describe("Facts of the run, every value as text"),
});

/** An event's data: one key, by the event's name. */
export const PromptEventReply = z.union([
  z.strictObject({ message: z.string() }),
  z.strictObject({ delta: z.string() }),
  z.strictObject({ text: z.string() }),
  z.strictObject({ detail: z.string() }),
]);

/** A session. */
export const SessionReply = z.strictObject({
  session_id: z.string(),
  session_name: z.string(),
  model_reference: z.string(),
  system_prompt: z.string(),
  messages: z.array(z.strictObject({
    role: z.enum(["user", "assistant"]),
    content: z.array(z.strictObject({ type: z.literal("text"), value: z.string() })),
  })),
});

/** `POST /v1/ollm/models/{model_reference}/load`. */
export const LoadReply = z.strictObject({ model: z.string(), state: z.literal("loaded") });

/** `POST /v1/ollm/models/{model_reference}/unload`. */
export const UnloadReply = z.strictObject({
  model: z.string(),
  state: z.literal("unloaded"),
  was_loaded: z.boolean(),
});

/** `GET /v1/ollm/stats`. */
export const StatsReply = z.strictObject({
  models: z.array(z.strictObject({
    model: z.string(),
    num_waiting: z.int(),
    num_running: z.int(),
    num_blocks: z.int(),
    num_free_blocks: z.int(),
    num_steps_total: z.int(),
    num_generated_tokens_total: z.int(),
    num_preemptions_total: z.int(),
    num_cancelled_total: z.int(),
    num_drafted_tokens_total: z.int(),
    num_accepted_tokens_total: z.int(),
    num_restarts_total: z.int(),
    state: z.enum(["loading", "loaded"]),
    backend: z.string(),
    memory_bytes: z.int().nullable().describe("On the device, by the model's plan"),
    unload_at: z.int().nullable().describe(
      "Unix seconds; null while the model works, and where it stays until another needs the room",
    ),
  })),
});
