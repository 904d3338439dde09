/**
 * Reads the sizes of a decoder from a published config, and refuses what no kernel here can run.
 *
 * @module
 */
import type { DecoderConfig } from "./architecture.ts";
import { type Fields, readInteger, readNumber, requireMultiple } from "./fields.ts";
import { computeRopeFrequencies } from "./rope.ts";

/** Attention holds a head in workgroup memory; the largest published one is 256. */
const MAX_HEAD_DIM = 256;

/** A config as llama publishes it; a variant overrides what it does otherwise. */
export function readDecoderConfig(
  fields: Fields,
  overrides: Partial<DecoderConfig> = {},
): DecoderConfig {
  const hiddenSize = readInteger(fields, "hidden_size", { min: 8, max: 65536 });
  const numAttentionHeads = readInteger(fields, "num_attention_heads", { min: 1, max: 1024 });
  const numKeyValueHeads = readInteger(
    { num_key_value_heads: fields.num_key_value_heads || numAttentionHeads },
    "num_key_value_heads",
    { min: 1, max: numAttentionHeads },
  );
  const headDim = readInteger(
    { head_dim: fields.head_dim || hiddenSize / numAttentionHeads },
    "head_dim",
    { min: 8, max: MAX_HEAD_DIM },
  );
  const numHiddenLayers = readInteger(fields, "num_hidden_layers", { min: 1, max: 1024 });
  const rope = {
    theta: readNumber(
      { rope_theta: fields.position_embedding_base || fields.rope_theta || 10000 },
      "rope_theta",
      { min: 1, max: 1e12 },
    ),
    scaling: (fields.rope_scaling || null) as Fields | null,
  };
  const config: DecoderConfig = {
    hiddenSize,
    intermediateSize: readInteger(fields, "intermediate_size", { min: 8, max: 1 << 20 }),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    vocabSize: readInteger(fields, "vocab_size", { min: 1, max: 1 << 22 }),
    rmsNormEps: readNumber(fields, "rms_norm_eps", { min: 0, max: 1 }),
    embeddingScale: 1,
    attentionScale: headDim ** -0.5,
    attentionSoftCap: null,
    logitSoftCap: null,
    rotaryDim: headDim,
    ropes: [rope],
    layers: Array.from({ length: numHiddenLayers }, () => ({ rope: 0, window: null })),
    ...overrides,
  };
  requireMultiple("hidden_size", config.hiddenSize, 8);
  requireMultiple("intermediate_size", config.intermediateSize, 8);
  requireMultiple("head_dim", config.headDim, 8);
  requireMultiple("rotary dimension", config.rotaryDim, 8);
  requireMultiple("num_attention_heads", config.numAttentionHeads, config.numKeyValueHeads);
  for (const each of config.ropes) computeRopeFrequencies(each, config.rotaryDim, 1);
  return config;
}
