/**
 * Qwen 3, dense: llama with a norm on each query and key head.
 *
 * @see arXiv:2505.09388
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createDecoder } from "./decoder.ts";
import { LLAMA_VARIANT } from "./llama.ts";

/** Qwen 3, dense. */
export const qwen3: Architecture = createDecoder({
  ...LLAMA_VARIANT,
  layer(index) {
    const attention = `model.layers.${index}.self_attn`;
    return {
      ...LLAMA_VARIANT.layer(index),
      qkv: `${attention}.c_attn`,
      queryNorm: `${attention}.q_norm`,
      keyNorm: `${attention}.k_norm`,
    };
  },
});
