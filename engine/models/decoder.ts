/**
 * The pre-norm decoder that every architecture here is a variant of: RoPE, grouped-query attention, a gated MLP. An
 * architecture's own file says how its tensors are called and where it departs.
 *
 * @module
 */
import type { Dispatch } from "../gpu/mod.ts";
import { joinRows } from "../ops/mod.ts";
import type {
  Architecture,
  DecoderConfig,
  StepParts,
  TensorSpec,
  Weights,
} from "./architecture.ts";
import { type Fields, readInteger, readNumber, requireMultiple } from "./fields.ts";
import { computeRopeFrequencies } from "./rope.ts";

/** Tensors of one layer, without `.weight`. A norm that is absent is not applied. */
export interface LayerNames {
  /** Before attention. */
  readonly inputNorm: string;
  /** Query, key and value rows: fused, or one name each. */
  readonly qkv: string | readonly [query: string, key: string, value: string];
  /** Of each query head. */
  readonly queryNorm?: string;
  /** Of each key head. */
  readonly keyNorm?: string;
  readonly output: string;
  /** Of attention's output, before it joins the residual stream. */
  readonly postAttentionNorm?: string;
  /** Before the MLP. */
  readonly mlpNorm: string;
  readonly gateUp: string;
  readonly down: string;
  /** Of the MLP's output, before it joins the residual stream. */
  readonly postMlpNorm?: string;
}

/** What makes an architecture. */
export interface DecoderVariant {
  readonly embedding: string;
  readonly finalNorm: string;
  /** Where it is absent from the package the embedding serves. */
  readonly head: string;
  layer(index: number): LayerNames;
  readonly hasQkvBias: boolean;
  readonly activation: "swiglu" | "geglu";
  /** @throws {ModelInvalidError} a size is missing, out of range or contradicts another */
  readConfig(fields: Fields): DecoderConfig;
}

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
    intermediateSize: readInteger(fields, "intermediate_size", { min: 4, max: 1 << 20 }),
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
  requireMultiple("hidden_size", config.hiddenSize, 4);
  requireMultiple("intermediate_size", config.intermediateSize, 4);
  requireMultiple("head_dim", config.headDim, 8);
  requireMultiple("rotary dimension", config.rotaryDim, 8);
  requireMultiple("num_attention_heads", config.numAttentionHeads, config.numKeyValueHeads);
  for (const each of config.ropes) computeRopeFrequencies(each, config.rotaryDim, 1);
  return config;
}

/** Rows of query, key and value heads, in this order. */
function qkvRows(config: DecoderConfig): [query: number, key: number, value: number] {
  const { numAttentionHeads, numKeyValueHeads, headDim } = config;
  return [numAttentionHeads * headDim, numKeyValueHeads * headDim, numKeyValueHeads * headDim];
}

function listTensors(
  config: DecoderConfig,
  variant: DecoderVariant,
  hasTensor: (name: string) => boolean,
): TensorSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, headDim } = config;
  const specs: TensorSpec[] = [];
  const matrix = (name: string, numRows: number, numCols: number) =>
    specs.push({ kind: "matrix", name, numRows, numCols });
  const vector = (name: string | undefined, size: number) => {
    if (name !== undefined) specs.push({ kind: "vector", name, size });
  };
  const [queryRows, keyRows, valueRows] = qkvRows(config);
  matrix(variant.embedding, vocabSize, hiddenSize);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const names = variant.layer(layer);
    const qkv: [string, number][] = typeof names.qkv === "string"
      ? [[names.qkv, queryRows + keyRows + valueRows]]
      : [[names.qkv[0], queryRows], [names.qkv[1], keyRows], [names.qkv[2], valueRows]];
    for (const [name, numRows] of qkv) {
      matrix(name, numRows, hiddenSize);
      if (variant.hasQkvBias) vector(`${name}.bias`, numRows);
    }
    vector(names.inputNorm, hiddenSize);
    vector(names.queryNorm, headDim);
    vector(names.keyNorm, headDim);
    matrix(names.output, hiddenSize, queryRows);
    vector(names.postAttentionNorm, hiddenSize);
    vector(names.mlpNorm, hiddenSize);
    matrix(names.gateUp, 2 * intermediateSize, hiddenSize);
    matrix(names.down, hiddenSize, intermediateSize);
    vector(names.postMlpNorm, hiddenSize);
  }
  vector(variant.finalNorm, hiddenSize);
  if (hasTensor(variant.head)) matrix(variant.head, vocabSize, hiddenSize);
  return specs;
}

async function recordStep(
  config: DecoderConfig,
  variant: DecoderVariant,
  parts: StepParts,
): Promise<Dispatch[]> {
  const { ops, weights, activations: a } = parts;
  const embedding = weights.matrix(variant.embedding);
  const dispatches = [await ops.embed(embedding, a.hidden, { scale: config.embeddingScale })];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const names = variant.layer(layer);
    dispatches.push(
      ...await recordAttention(config, variant, parts, layer, names),
      ...await recordMlp(config, variant, parts, names),
    );
  }
  const head = weights.has(variant.head) ? weights.matrix(variant.head) : embedding;
  dispatches.push(
    await ops.rmsNorm(a.hidden, weights.vector(variant.finalNorm), a.lastNormed, {
      size: config.hiddenSize,
      eps: config.rmsNormEps,
      gather: true,
    }),
    await ops.linear(a.lastNormed, head, a.logits, {
      onLogits: true,
      ...optional("softCap", config.logitSoftCap),
    }),
  );
  return dispatches.flat();
}

async function recordAttention(
  config: DecoderConfig,
  variant: DecoderVariant,
  { ops, weights, activations: a, kv, cosSin }: StepParts,
  layer: number,
  names: LayerNames,
): Promise<Dispatch[][]> {
  const { rope, window } = config.layers[layer]!;
  const eps = config.rmsNormEps;
  const shape = {
    numHeads: config.numAttentionHeads,
    numKvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
  };
  const bias = variant.hasQkvBias && typeof names.qkv === "string"
    ? { bias: weights.vector(`${names.qkv}.bias`) }
    : {};
  const dispatches = [
    await ops.rmsNorm(a.hidden, weights.vector(names.inputNorm), a.normed, {
      size: config.hiddenSize,
      eps,
    }),
    await ops.linear(a.normed, qkvMatrix(weights, names), a.qkv, bias),
  ];
  if (names.queryNorm !== undefined && names.keyNorm !== undefined) {
    const [query, key] = [weights.vector(names.queryNorm), weights.vector(names.keyNorm)];
    dispatches.push(await ops.rmsNormHeads(a.qkv, query, key, { ...shape, eps }));
  }
  dispatches.push(
    await ops.attention(a.qkv, cosSin[rope]!, kv[layer]!, a.attended, {
      ...shape,
      rotaryDim: config.rotaryDim,
      scale: config.attentionScale,
      ...optional("softCap", config.attentionSoftCap),
      ...optional("window", window),
    }),
    ...await recordResidual(config, { ops, weights, a }, a.attended, names.output, {
      norm: names.postAttentionNorm,
    }),
  );
  return dispatches;
}

async function recordMlp(
  config: DecoderConfig,
  variant: DecoderVariant,
  { ops, weights, activations: a }: StepParts,
  names: LayerNames,
): Promise<Dispatch[][]> {
  const { hiddenSize, intermediateSize, rmsNormEps } = config;
  return [
    await ops.rmsNorm(a.hidden, weights.vector(names.mlpNorm), a.normed, {
      size: hiddenSize,
      eps: rmsNormEps,
    }),
    await ops.linear(a.normed, weights.matrix(names.gateUp), a.gateUp),
    await ops.gatedActivation(a.gateUp, a.activated, {
      size: intermediateSize,
      activation: variant.activation,
    }),
    ...await recordResidual(config, { ops, weights, a }, a.activated, names.down, {
      norm: names.postMlpNorm,
    }),
  ];
}

/** hidden += x · Wᵀ, normalized first where the variant does so. */
async function recordResidual(
  config: DecoderConfig,
  { ops, weights, a }: Pick<StepParts, "ops" | "weights"> & { a: StepParts["activations"] },
  x: GPUBuffer,
  projection: string,
  { norm }: { norm: string | undefined },
): Promise<Dispatch[][]> {
  const weight = weights.matrix(projection);
  if (norm === undefined) return [await ops.linear(x, weight, a.hidden, { accumulate: true })];
  return [
    await ops.linear(x, weight, a.normed), // what was in there has been used
    await ops.rmsNorm(a.normed, weights.vector(norm), a.hidden, {
      size: config.hiddenSize,
      eps: config.rmsNormEps,
      accumulate: true,
    }),
  ];
}

function qkvMatrix(weights: Weights, { qkv }: LayerNames) {
  if (typeof qkv === "string") return weights.matrix(qkv);
  return joinRows("qkv", qkv.map((name) => weights.matrix(name)));
}

/** `{ name: value }`, or nothing for null. */
function optional<N extends string, T>(name: N, value: T | null): { [K in N]?: T } {
  return (value === null ? {} : { [name]: value }) as { [K in N]?: T };
}

/** Builds the architecture of a variant. */
export function createDecoder(variant: DecoderVariant): Architecture {
  return {
    readConfig: (fields) => variant.readConfig(fields),
    tensors: (config, hasTensor) => listTensors(config, variant, hasTensor),
    record: (config, parts) => recordStep(config, variant, parts),
  };
}
