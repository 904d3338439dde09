/**
 * Gemma 3, text: gemma 2 without soft caps, with a norm on each query and key head; five local layers with a window and a
 * base of their own, then a global one. Packages store 1 + w for its norms.
 *
 * @see arXiv:2503.19786
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder } from "./decoder.ts";
import { readDecoderConfig } from "./decoder_config.ts";
import { type Fields, readInteger, readNumber } from "./fields.ts";
import { gemmaLayer, readAttentionScale } from "./gemma2.ts";
import { LLAMA_VARIANT } from "./llama.ts";

const PREFIX = "language_model.model";

/** The text part of a config, with the vocabulary and the defaults that published configs leave out. */
function textFields(fields: Fields): Fields {
  const { text_config, ...outer } = fields;
  return {
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    rms_norm_eps: 1e-6,
    query_pre_attn_scalar: 256,
    position_embedding_base: 1_000_000,
    ...outer,
    ...(text_config ?? {}) as Fields,
    vocab_size: outer.vocab_size,
  };
}

/** Gemma 3, text. */
export const gemma3: Architecture = createDecoder({
  ...LLAMA_VARIANT,
  embedding: `${PREFIX}.embed_tokens`,
  finalNorm: `${PREFIX}.norm`,
  head: "language_model.lm_head",
  activation: "geglu",
  layer(index) {
    const prefix = `${PREFIX}.layers.${index}`;
    const attention = `${prefix}.self_attn`;
    return {
      ...gemmaLayer(prefix),
      qkv: [`${attention}.q_proj`, `${attention}.k_proj`, `${attention}.v_proj`],
      queryNorm: `${attention}.q_norm`,
      keyNorm: `${attention}.k_norm`,
    };
  },
  readConfig(outer) {
    const fields = textFields(outer);
    const { hiddenSize, ropes, layers } = readDecoderConfig(fields);
    const window = readInteger(
      { sliding_window: fields.sliding_window || fields.sliding_window_size },
      "sliding_window",
      { min: 1, max: 1 << 24 },
    );
    const pattern = readInteger(
      { sliding_window_pattern: fields.sliding_window_pattern ?? 6 },
      "sliding_window_pattern",
      { min: 1, max: 1024 },
    );
    const localTheta = readNumber(
      { rope_local_base_freq: fields.rope_local_base_freq ?? 10000 },
      "rope_local_base_freq",
      { min: 1, max: 1e12 },
    );
    return readDecoderConfig(fields, {
      embeddingScale: Math.sqrt(hiddenSize),
      attentionScale: readAttentionScale(fields),
      ropes: [ropes[0]!, { theta: localTheta, scaling: null }],
      layers: layers.map((_, i) =>
        (i + 1) % pattern === 0 ? { rope: 0, window: null } : { rope: 1, window }
      ),
    });
  },
});
