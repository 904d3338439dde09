/**
 * Qwen 2 and 2.5: llama with a bias on queries, keys and values.
 *
 * @see arXiv:2407.10671
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder } from "./decoder.ts";
import { LLAMA_VARIANT } from "./llama.ts";

/** Qwen 2 and 2.5, dense. */
export const qwen2: Architecture = createDecoder({
  ...LLAMA_VARIANT,
  hasQkvBias: true,
  layer: (index) => ({
    ...LLAMA_VARIANT.layer(index),
    qkv: `model.layers.${index}.self_attn.c_attn`,
  }),
});
