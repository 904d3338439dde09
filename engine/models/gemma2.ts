/**
 * Gemma 2: norms around both halves of a layer, soft caps, and a window on every other layer. Packages store 1 + w for
 * its norms.
 *
 * @see arXiv:2408.00118
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder, type DecoderVariant } from "./decoder.ts";
import { readDecoderConfig } from "./decoder_config.ts";
import { type Fields, readInteger, readNumber } from "./fields.ts";
import { LLAMA_VARIANT } from "./llama.ts";

const SOFT_CAP = { min: 1e-3, max: 1e6 };

/** The names of a layer with four norms, below `prefix`. */
export function gemmaLayer(prefix: string): ReturnType<DecoderVariant["layer"]> {
  return {
    inputNorm: `${prefix}.input_layernorm`,
    qkv: `${prefix}.self_attn.qkv_proj`,
    output: `${prefix}.self_attn.o_proj`,
    postAttentionNorm: `${prefix}.post_attention_layernorm`,
    mlpNorm: `${prefix}.pre_feedforward_layernorm`,
    gateUp: `${prefix}.mlp.gate_up_proj`,
    down: `${prefix}.mlp.down_proj`,
    postMlpNorm: `${prefix}.post_feedforward_layernorm`,
  };
}

/** query_pre_attn_scalar^(-1/2). */
export function readAttentionScale(fields: Fields): number {
  return readNumber(fields, "query_pre_attn_scalar", { min: 1, max: 65536 }) ** -0.5;
}

function readCap(fields: Fields, name: string): number | null {
  return fields[name] === undefined || fields[name] === null
    ? null
    : readNumber(fields, name, SOFT_CAP);
}

/** Gemma 2. */
export const gemma2: Architecture = createDecoder({
  ...LLAMA_VARIANT,
  activation: "geglu",
  layer: (index) => gemmaLayer(`model.layers.${index}`),
  readConfig(fields) {
    const { hiddenSize, layers } = readDecoderConfig(fields);
    const window = readInteger(fields, "sliding_window", { min: 1, max: 1 << 24 });
    return readDecoderConfig(fields, {
      embeddingScale: Math.sqrt(hiddenSize),
      attentionScale: readAttentionScale(fields),
      attentionSoftCap: readCap(fields, "attn_logit_softcapping"),
      logitSoftCap: readCap(fields, "final_logit_softcapping"),
      layers: layers.map((layer, i) => i % 2 === 0 ? { ...layer, window } : layer),
    });
  },
});
