/**
 * Llama and its kin: pre-norm decoder with RoPE, grouped-query attention and SwiGLU.
 *
 * @see arXiv:2302.13971
 * @module
 */
import { ModelInvalidError } from "../errors.ts";
import type { Dispatch } from "../gpu/mod.ts";
import type { Architecture, DecoderConfig, StepParts, TensorSpec } from "./architecture.ts";
import { type Fields, readInteger, readNumber } from "./fields.ts";
import { computeRopeFrequencies } from "./rope.ts";

/** Where relatives of llama differ from it. */
export interface LlamaVariant {
  /** Name of the fused query, key and value projection. */
  readonly qkv: string;
  /** Whether that projection has a bias. */
  readonly hasQkvBias: boolean;
}

const EMBEDDING = "model.embed_tokens";
const FINAL_NORM = "model.norm";
const HEAD = "lm_head";

/** Attention kernels hold a head in workgroup memory; the largest published head is 256. */
const MAX_HEAD_DIM = 256;

function readConfig(fields: Fields): DecoderConfig {
  const hiddenSize = readInteger(fields, "hidden_size", { min: 8, max: 65536 });
  const numAttentionHeads = readInteger(fields, "num_attention_heads", { min: 1, max: 1024 });
  const numKeyValueHeads = readInteger(
    { num_key_value_heads: fields.num_key_value_heads ?? numAttentionHeads },
    "num_key_value_heads",
    { min: 1, max: numAttentionHeads },
  );
  const headDim = readInteger(
    { head_dim: fields.head_dim ?? hiddenSize / numAttentionHeads },
    "head_dim",
    { min: 8, max: MAX_HEAD_DIM },
  );
  const config: DecoderConfig = {
    hiddenSize,
    intermediateSize: readInteger(fields, "intermediate_size", { min: 4, max: 1 << 20 }),
    numHiddenLayers: readInteger(fields, "num_hidden_layers", { min: 1, max: 1024 }),
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    vocabSize: readInteger(fields, "vocab_size", { min: 1, max: 1 << 22 }),
    rmsNormEps: readNumber(fields, "rms_norm_eps", { min: 0, max: 1 }),
    ropeFrequencies: computeRopeFrequencies(
      headDim,
      readNumber(
        { rope_theta: fields.position_embedding_base ?? fields.rope_theta ?? 10000 },
        "rope_theta",
        { min: 1, max: 1e12 },
      ),
      (fields.rope_scaling ?? null) as Fields | null,
    ),
  };
  requireMultiple("hidden_size", config.hiddenSize, 4);
  requireMultiple("intermediate_size", config.intermediateSize, 4);
  requireMultiple("head_dim", config.headDim, 8);
  requireMultiple("num_attention_heads", config.numAttentionHeads, config.numKeyValueHeads);
  return config;
}

function requireMultiple(name: string, value: number, of: number): void {
  if (value % of === 0) return;
  throw new ModelInvalidError(
    `The model's config has ${name} ${value}; a multiple of ${of} is needed`,
  );
}

function layerNames(layer: number, variant: LlamaVariant) {
  const prefix = `model.layers.${layer}`;
  return {
    inputNorm: `${prefix}.input_layernorm`,
    qkv: `${prefix}.self_attn.${variant.qkv}`,
    output: `${prefix}.self_attn.o_proj`,
    postAttentionNorm: `${prefix}.post_attention_layernorm`,
    gateUp: `${prefix}.mlp.gate_up_proj`,
    down: `${prefix}.mlp.down_proj`,
  };
}

/** Rows of the fused projection: all query heads, then all key heads, then all value heads. */
function qkvRows({ numAttentionHeads, numKeyValueHeads, headDim }: DecoderConfig): number {
  return (numAttentionHeads + 2 * numKeyValueHeads) * headDim;
}

function listTensors(
  config: DecoderConfig,
  variant: LlamaVariant,
  hasTensor: (name: string) => boolean,
): TensorSpec[] {
  const { hiddenSize, intermediateSize, vocabSize } = config;
  const attentionSize = config.numAttentionHeads * config.headDim;
  const matrix = (name: string, numRows: number, numCols: number): TensorSpec => ({
    kind: "matrix",
    name,
    numRows,
    numCols,
  });
  const vector = (name: string, size: number): TensorSpec => ({ kind: "vector", name, size });
  const specs = [matrix(EMBEDDING, vocabSize, hiddenSize)];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const names = layerNames(layer, variant);
    specs.push(
      vector(names.inputNorm, hiddenSize),
      matrix(names.qkv, qkvRows(config), hiddenSize),
      ...(variant.hasQkvBias ? [vector(`${names.qkv}.bias`, qkvRows(config))] : []),
      matrix(names.output, hiddenSize, attentionSize),
      vector(names.postAttentionNorm, hiddenSize),
      matrix(names.gateUp, 2 * intermediateSize, hiddenSize),
      matrix(names.down, hiddenSize, intermediateSize),
    );
  }
  specs.push(vector(FINAL_NORM, hiddenSize));
  if (hasTensor(HEAD)) specs.push(matrix(HEAD, vocabSize, hiddenSize));
  return specs;
}

async function recordStep(
  config: DecoderConfig,
  variant: LlamaVariant,
  parts: StepParts,
): Promise<Dispatch[]> {
  const { ops, weights, activations: a, kv, cosSin } = parts;
  const norm = { size: config.hiddenSize, eps: config.rmsNormEps };
  const shape = {
    numHeads: config.numAttentionHeads,
    numKvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
  };
  const scale = 1 / Math.sqrt(config.headDim);
  const dispatches = [await ops.embed(weights.matrix(EMBEDDING), a.hidden)];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const names = layerNames(layer, variant);
    const bias = variant.hasQkvBias ? { bias: weights.vector(`${names.qkv}.bias`) } : {};
    dispatches.push(
      await ops.rmsNorm(a.hidden, weights.vector(names.inputNorm), a.normed, norm),
      await ops.linear(a.normed, weights.matrix(names.qkv), a.qkv, bias),
      await ops.ropeKvAppend(a.qkv, cosSin, a.query, kv[layer]!, {
        ...shape,
        rotaryDim: config.headDim,
      }),
      await ops.attention(a.query, kv[layer]!, a.attended, { ...shape, scale }),
      await ops.linear(a.attended, weights.matrix(names.output), a.hidden, { accumulate: true }),
      await ops.rmsNorm(a.hidden, weights.vector(names.postAttentionNorm), a.normed, norm),
      await ops.linear(a.normed, weights.matrix(names.gateUp), a.gateUp),
      await ops.gatedActivation(a.gateUp, a.activated, {
        size: config.intermediateSize,
        activation: "swiglu",
      }),
      await ops.linear(a.activated, weights.matrix(names.down), a.hidden, { accumulate: true }),
    );
  }
  const head = weights.has(HEAD) ? HEAD : EMBEDDING;
  dispatches.push(
    await ops.rmsNorm(a.hidden, weights.vector(FINAL_NORM), a.lastNormed, {
      ...norm,
      gather: true,
    }),
    await ops.linear(a.lastNormed, weights.matrix(head), a.logits, { onLogits: true }),
  );
  return dispatches.flat();
}

/** Builds the architecture of llama or of a relative. */
export function createLlama(variant: LlamaVariant): Architecture {
  return {
    readConfig,
    tensors: (config, hasTensor) => listTensors(config, variant, hasTensor),
    record: (config, parts) => recordStep(config, variant, parts),
  };
}

/** Llama 1 to 3.3, and Mistral within its window. */
export const llama: Architecture = createLlama({ qkv: "qkv_proj", hasQkvBias: false });
