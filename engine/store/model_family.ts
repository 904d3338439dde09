/**
 * Model names → architecture, for models that are not on disk yet. A guess by the publishers' naming; a package's own
 * configuration replaces it.
 *
 * @module
 */

/** Beginning of a catalog id → `model_type` of its package. The first that fits counts. */
const FAMILIES: readonly (readonly [prefix: RegExp, modelType: string])[] = [
  [/^(?:Llama-|TinyLlama-|SmolLM2-|DeepSeek-R1-Distill-Llama-)/, "llama"],
  [/^Hermes-\d-(?:Pro-|Theta-)?Llama-/, "llama"],
  [
    /^(?:Mistral-|WizardMath-|(?:Neural|Open)Hermes-2\.5-Mistral-|Hermes-2-Pro-Mistral-)/,
    "mistral",
  ],
  [/^Ministral-3-/, "ministral3"],
  [/^(?:Qwen2(?:\.5)?-|DeepSeek-R1-Distill-Qwen-)/, "qwen2"],
  [/^Qwen3-/, "qwen3"],
  [/^Qwen3\.5-/, "qwen3_5"],
  [/^gemma-2b-/, "gemma"],
  [/^gemma-2-/, "gemma2"],
  [/^gemma3-1b-/, "gemma3_text"],
  [/^gemma-3-/, "gemma3"],
  [/^gemma-4-/, "gemma4"],
  [/^Phi-3\.5-vision-/, "phi3_v"],
  [/^Phi-(?:3|3\.5|4)-mini-/, "phi3"],
  [/^phi-(?:1_5|2)-/, "phi"],
  [/^OLMo-2-/, "olmo2"],
  [/^stablelm-/, "stablelm"],
  [/^RedPajama-/, "gpt_neox"],
  [/^snowflake-arctic-embed-/, "bert"],
];

/** The architecture that a model of this name has; null for a name of no known family. */
export function guessModelType(id: string): string | null {
  return FAMILIES.find(([prefix]) => prefix.test(id))?.[1] ?? null;
}

/** The quantization in an MLC package's name, as in `Qwen3-0.6B-q4f16_1-MLC`; null where there is none. */
export function guessQuantization(id: string): string | null {
  return /-(q\d(?:bf16|f16|f32)(?:_\d)?)-MLC/.exec(id)?.[1] ?? null;
}
