/**
 * Phi 3, 3.5 and 4-mini: llama under other names, with longrope and a share of each head that turns.
 *
 * @see arXiv:2404.14219
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder } from "./decoder.ts";
import { readDecoderConfig } from "./decoder_config.ts";
import { type Fields, readNumber } from "./fields.ts";
import { LLAMA_VARIANT } from "./llama.ts";

/** Longrope needs two lengths that stand beside it in published configs. */
function completeScaling(fields: Fields): Fields | null {
  const scaling = (fields.rope_scaling ?? null) as Fields | null;
  return scaling && {
    original_max_position_embeddings: fields.original_max_position_embeddings,
    max_position_embeddings: fields.max_position_embeddings,
    ...scaling,
  };
}

/** Phi 3, 3.5 and 4-mini. */
export const phi3: Architecture = createDecoder({
  ...LLAMA_VARIANT,
  embedding: "transformer.embd",
  finalNorm: "transformer.norm",
  layer(index) {
    const prefix = `transformer.h.${index}`;
    return {
      inputNorm: `${prefix}.ln`,
      qkv: `${prefix}.mixer.qkv_proj`,
      output: `${prefix}.mixer.out_proj`,
      mlpNorm: `${prefix}.post_attention_layernorm`,
      gateUp: `${prefix}.mlp.gate_up_proj`,
      down: `${prefix}.mlp.down_proj`,
    };
  },
  readConfig(outer) {
    const fields = { ...outer, rope_scaling: completeScaling(outer) };
    const share = readNumber(
      { partial_rotary_factor: outer.partial_rotary_factor ?? 1 },
      "partial_rotary_factor",
      { min: 0.01, max: 1 },
    );
    const headDim = Number(outer.head_dim) ||
      Number(outer.hidden_size) / Number(outer.num_attention_heads);
    return readDecoderConfig(fields, { rotaryDim: Math.floor(headDim * share) });
  },
});
