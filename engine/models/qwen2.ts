/**
 * Qwen 2 and 2.5: llama with a bias on queries, keys and values.
 *
 * @see arXiv:2407.10671
 * @module
 */
import type { Architecture } from "./architecture.ts";
import { createLlama } from "./llama.ts";

/** Qwen 2 and 2.5, dense. */
export const qwen2: Architecture = createLlama({ qkv: "c_attn", hasQkvBias: true });
