/**
 * What each architecture is, as its paper and the published packages have it: tensor names, config, facts of the forward
 * pass. Shares nothing with engine/models.
 */

/** Sizes of the small test models: heads of 24, a hidden size that is no multiple of a group, an odd vocabulary. */
export const SIZES = {
  hidden_size: 72,
  intermediate_size: 104,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 24,
  vocab_size: 331,
  rms_norm_eps: 1e-5,
  context_window_size: 256,
};

/** Names and facts of one architecture; lists of layers are functions of the layer's index. */
export interface ReferenceArchitecture {
  modelType: string;
  /** `model_config` as published. */
  config: Record<string, unknown>;
  embedding: string;
  finalNorm: string;
  inputNorm: (layer: number) => string;
  /** Fused rows, or query, key and value apart. */
  qkv: (layer: number) => string[];
  hasQkvBias: boolean;
  headNorms?: (layer: number) => [query: string, key: string];
  output: (layer: number) => string;
  postAttentionNorm?: (layer: number) => string;
  mlpNorm: (layer: number) => string;
  gateUp: (layer: number) => string;
  down: (layer: number) => string;
  postMlpNorm?: (layer: number) => string;
  activation: "silu" | "gelu";
  embeddingScale: number;
  attentionScale: number;
  attentionSoftCap?: number;
  logitSoftCap?: number;
  window: (layer: number) => number | undefined;
  /** Radians a position; as many as half of the components that turn. */
  frequencies: (layer: number) => Float64Array;
  /** Cosines and sines are multiplied by it. */
  magnitude: number;
}

const { hidden_size: D, head_dim: C } = SIZES;

function frequencies(theta: number, rotaryDim = C): Float64Array {
  return Float64Array.from({ length: rotaryDim / 2 }, (_, i) => theta ** (-2 * i / rotaryDim));
}

const LLAMA3_SCALING = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

/** Llama 3.1's formula, spelled out. */
function llama3Frequencies(): Float64Array {
  return frequencies(10000).map((f) => {
    const wavelength = 2 * Math.PI / f;
    if (wavelength < 64 / 4) return f;
    if (wavelength > 64 / 1) return f / 8;
    const smooth = (64 / wavelength - 1) / (4 - 1);
    return (1 - smooth) * f / 8 + smooth * f;
  });
}

const layerOf = (prefix: string) => (name: string) => (layer: number) =>
  `${prefix}.${layer}.${name}`;
const inModel = layerOf("model.layers");

const llama: ReferenceArchitecture = {
  modelType: "llama",
  config: { ...SIZES, position_embedding_base: 10000, rope_scaling: LLAMA3_SCALING },
  embedding: "model.embed_tokens",
  finalNorm: "model.norm",
  inputNorm: inModel("input_layernorm"),
  qkv: (layer) => [inModel("self_attn.qkv_proj")(layer)],
  hasQkvBias: false,
  output: inModel("self_attn.o_proj"),
  mlpNorm: inModel("post_attention_layernorm"),
  gateUp: inModel("mlp.gate_up_proj"),
  down: inModel("mlp.down_proj"),
  activation: "silu",
  embeddingScale: 1,
  attentionScale: 1 / Math.sqrt(C),
  window: () => undefined,
  frequencies: llama3Frequencies,
  magnitude: 1,
};

const qwen2: ReferenceArchitecture = {
  ...llama,
  modelType: "qwen2",
  config: { ...SIZES, rope_theta: 1000000 },
  qkv: (layer) => [inModel("self_attn.c_attn")(layer)],
  hasQkvBias: true,
  frequencies: () => frequencies(1000000),
};

/** Yarn with factor 4 over 64 positions and theta 1e4; see arXiv:2309.00071. */
function yarnFrequencies(): Float64Array {
  const turnsAt = (turns: number) => C * Math.log(64 / (2 * Math.PI * turns)) / (2 * Math.log(1e4));
  const low = Math.max(0, Math.floor(turnsAt(32)));
  const high = Math.min(C - 1, Math.ceil(turnsAt(1)));
  return frequencies(10000).map((f, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return (f / 4) * ramp + f * (1 - ramp);
  });
}

const qwen3: ReferenceArchitecture = {
  ...llama,
  modelType: "qwen3",
  config: {
    ...SIZES,
    rope_theta: 10000,
    rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64 },
  },
  qkv: (layer) => [inModel("self_attn.c_attn")(layer)],
  headNorms: (layer) => [inModel("self_attn.q_norm")(layer), inModel("self_attn.k_norm")(layer)],
  frequencies: yarnFrequencies,
  magnitude: 0.1 * Math.log(4) + 1,
};

const gemma2: ReferenceArchitecture = {
  ...llama,
  modelType: "gemma2",
  config: {
    ...SIZES,
    position_embedding_base: 10000,
    query_pre_attn_scalar: 30,
    attn_logit_softcapping: 5,
    final_logit_softcapping: 3,
    sliding_window: 20,
    hidden_activation: "gelu_pytorch_tanh",
  },
  postAttentionNorm: inModel("post_attention_layernorm"),
  mlpNorm: inModel("pre_feedforward_layernorm"),
  postMlpNorm: inModel("post_feedforward_layernorm"),
  activation: "gelu",
  embeddingScale: Math.sqrt(D),
  attentionScale: 30 ** -0.5,
  attentionSoftCap: 5,
  logitSoftCap: 3,
  window: (layer) => layer % 2 === 0 ? 20 : undefined,
  frequencies: () => frequencies(10000),
};

const inGemma3 = layerOf("language_model.model.layers");

const gemma3: ReferenceArchitecture = {
  ...gemma2,
  modelType: "gemma3",
  config: {
    vocab_size: SIZES.vocab_size,
    context_window_size: 256,
    text_config: {
      ...SIZES,
      query_pre_attn_scalar: 24,
      rope_theta: 1000000,
      rope_scaling: { rope_type: "linear", factor: 8 },
      rope_local_base_freq: 10000,
      sliding_window: 17,
      sliding_window_pattern: 2,
    },
  },
  embedding: "language_model.model.embed_tokens",
  finalNorm: "language_model.model.norm",
  inputNorm: inGemma3("input_layernorm"),
  qkv: (layer) =>
    ["q_proj", "k_proj", "v_proj"].map((name) => inGemma3(`self_attn.${name}`)(layer)),
  headNorms: (layer) => [inGemma3("self_attn.q_norm")(layer), inGemma3("self_attn.k_norm")(layer)],
  output: inGemma3("self_attn.o_proj"),
  postAttentionNorm: inGemma3("post_attention_layernorm"),
  mlpNorm: inGemma3("pre_feedforward_layernorm"),
  gateUp: inGemma3("mlp.gate_up_proj"),
  down: inGemma3("mlp.down_proj"),
  postMlpNorm: inGemma3("post_feedforward_layernorm"),
  attentionScale: 24 ** -0.5,
  window: (layer) => layer % 2 === 1 ? undefined : 17,
  frequencies: (layer) =>
    layer % 2 === 1 ? frequencies(1000000).map((f) => f / 8) : frequencies(10000),
};
delete gemma3.attentionSoftCap;
delete gemma3.logitSoftCap;

const inPhi = layerOf("transformer.h");
const LONG_FACTORS = Array.from({ length: 8 }, (_, i) => 1.5 + i / 4);

/** Two thirds of a head turn, as three quarters of Phi-4-mini's do; the context is longer than the original one. */
const phi3: ReferenceArchitecture = {
  ...llama,
  modelType: "phi3",
  config: {
    ...SIZES,
    rope_theta: 10000,
    partial_rotary_factor: 2 / 3,
    max_position_embeddings: 256,
    original_max_position_embeddings: 64,
    rope_scaling: {
      type: "longrope",
      long_factor: LONG_FACTORS,
      short_factor: LONG_FACTORS.map(() => 1),
    },
  },
  embedding: "transformer.embd",
  finalNorm: "transformer.norm",
  inputNorm: inPhi("ln"),
  qkv: (layer) => [inPhi("mixer.qkv_proj")(layer)],
  output: inPhi("mixer.out_proj"),
  mlpNorm: inPhi("post_attention_layernorm"),
  gateUp: inPhi("mlp.gate_up_proj"),
  down: inPhi("mlp.down_proj"),
  frequencies: () => frequencies(10000, 16).map((f, i) => f / LONG_FACTORS[i]!),
  magnitude: Math.sqrt(1 + Math.log(256 / 64) / Math.log(64)),
};

/** By name. */
export const ARCHITECTURES = { llama, qwen2, qwen3, gemma2, gemma3, phi3 };
