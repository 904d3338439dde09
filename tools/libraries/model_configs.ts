/**
 * Published dimensions of the models whose compiled libraries are compared with our kernels.
 *
 * @module
 */

/** By the beginning of the library's file name; fields as in the models' own `config.json`. */
export const MODEL_CONFIGS: Readonly<
  Record<string, { config: Record<string, unknown>; vocabSize: number }>
> = {
  "Qwen2-0.5B-Instruct": {
    config: {
      hidden_act: "silu",
      hidden_size: 896,
      intermediate_size: 4864,
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      head_dim: 64,
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      tie_word_embeddings: true,
    },
    vocabSize: 151936,
  },
  // Smaller vocabularies than the published ones: their whole embedding exceeds what a software adapter binds.
  "Llama-3.2-1B-Instruct": {
    config: {
      hidden_size: 2048,
      intermediate_size: 8192,
      num_attention_heads: 32,
      num_hidden_layers: 16,
      num_key_value_heads: 8,
      head_dim: 64,
      rms_norm_eps: 1e-5,
      position_embedding_base: 500_000,
      rope_scaling: {
        factor: 32,
        high_freq_factor: 4,
        low_freq_factor: 1,
        original_max_position_embeddings: 8192,
        rope_type: "llama3",
      },
      tie_word_embeddings: true,
    },
    vocabSize: 16384,
  },
  "gemma-2-2b-it": {
    config: {
      hidden_activation: "gelu_pytorch_tanh",
      hidden_size: 2304,
      intermediate_size: 9216,
      num_attention_heads: 8,
      num_hidden_layers: 26,
      num_key_value_heads: 4,
      head_dim: 256,
      rms_norm_eps: 1e-6,
      position_embedding_base: 10_000,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
    },
    vocabSize: 32768,
  },
  "Phi-3-mini-4k-instruct": {
    config: {
      hidden_act: "silu",
      hidden_size: 3072,
      intermediate_size: 8192,
      num_attention_heads: 32,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      rms_norm_eps: 1e-5,
      position_embedding_base: 10_000,
      rope_scaling: null,
      original_max_position_embeddings: 4096,
      max_position_embeddings: 4096,
    },
    vocabSize: 32064,
  },
};
