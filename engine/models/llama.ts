/**
 * Llama 1 to 3.3 and what is built like it: SmolLM2, TinyLlama, Hermes, R1-Distill-Llama, and Mistral.
 *
 * @see arXiv:2302.13971
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder, type DecoderVariant } from "./decoder.ts";
import { readDecoderConfig } from "./decoder_config.ts";

/** The names that most relatives share. */
export const LLAMA_VARIANT: DecoderVariant = {
  embedding: "model.embed_tokens",
  finalNorm: "model.norm",
  head: "lm_head",
  hasQkvBias: false,
  activation: "swiglu",
  readConfig: (fields) => readDecoderConfig(fields),
  layer(index) {
    const prefix = `model.layers.${index}`;
    return {
      inputNorm: `${prefix}.input_layernorm`,
      qkv: `${prefix}.self_attn.qkv_proj`,
      output: `${prefix}.self_attn.o_proj`,
      mlpNorm: `${prefix}.post_attention_layernorm`,
      gateUp: `${prefix}.mlp.gate_up_proj`,
      down: `${prefix}.mlp.down_proj`,
    };
  },
};

/** Llama. */
export const llama: Architecture = createDecoder(LLAMA_VARIANT);
