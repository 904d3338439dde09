/**
 * What an architecture tells the rest of the engine: its sizes, its tensors, and how a step of it is computed.
 *
 * @module
 */
import type { Dispatch, GpuResource } from "../gpu/mod.ts";
import type { KvLayer, Matrix, Operations } from "../ops/mod.ts";
import type { Fields } from "./fields.ts";

/** Sizes of a decoder, named as in the published configs. */
export interface DecoderConfig {
  /** D. */
  readonly hiddenSize: number;
  /** F. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  /** H. */
  readonly numAttentionHeads: number;
  /** KH, a divisor of H. */
  readonly numKeyValueHeads: number;
  /** C; need not be D / H. */
  readonly headDim: number;
  /** V. */
  readonly vocabSize: number;
  readonly rmsNormEps: number;
  /** Embeddings are multiplied by it. */
  readonly embeddingScale: number;
  /** Scores are multiplied by it. */
  readonly attentionScale: number;
  /** Scores stay within ± this. */
  readonly attentionSoftCap: number | null;
  /** Logits stay within ± this. */
  readonly logitSoftCap: number | null;
  /** Components of a head that turn, at most C. */
  readonly rotaryDim: number;
  /** One entry a kind of layer. */
  readonly ropes: readonly RopeConfig[];
  /** One entry a layer. */
  readonly layers: readonly LayerConfig[];
}

/** A rotary embedding. */
export interface RopeConfig {
  /** Base of the frequencies. */
  readonly theta: number;
  /** `rope_scaling` as published. */
  readonly scaling: Fields | null;
}

/** Where layers of one model differ. */
export interface LayerConfig {
  /** Index into `ropes`. */
  readonly rope: number;
  /** Positions that attention sees, the token itself included; null sees all. */
  readonly window: number | null;
}

/** A tensor that the architecture needs, by its name without `.weight`. */
export type TensorSpec =
  | {
    readonly kind: "matrix";
    readonly name: string;
    readonly numRows: number;
    readonly numCols: number;
  }
  | { readonly kind: "vector"; readonly name: string; readonly size: number };

/** Consecutive layers of a decoder; with the first one the embedding, with the last one the head. */
export interface LayerRange {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** Loaded tensors, by the name of their spec. */
export interface Weights {
  has(name: string): boolean;
  matrix(name: string): Matrix;
  /** f32. */
  vector(name: string): GpuResource;
}

/** Buffers of a step that more than one operation writes or the host reads, all f32. */
export interface Activations {
  /** [T, D], the residual stream. */
  readonly hidden: GPUBuffer;
  /** [L, V]. */
  readonly logits: GPUBuffer;
}

/** Everything that the recording of a step refers to. */
export interface StepParts {
  readonly ops: Operations;
  /** What is recorded; others compute the rest. */
  readonly layers: LayerRange;
  readonly weights: Weights;
  /** Layers that do not begin with the embedding find their input in `hidden`, and all leave their output there. */
  readonly activations: Activations;
  /** One for each of `layers`. */
  readonly kv: readonly KvLayer[];
  /** [P, 2, R / 2] f32 for each of the config's ropes. */
  readonly cosSin: readonly GPUBuffer[];
}

/** A recorded step. */
export interface StepRecord {
  /** From tokens, or from `hidden`, to `hidden`. */
  readonly layers: readonly Dispatch[];
  /** From `hidden` to `logits`, behind the last layer; empty where that is elsewhere. */
  readonly head: readonly Dispatch[];
}

/** One file an architecture implements this. */
export interface Architecture {
  /** @throws {ModelInvalidError} a size is missing, out of range or contradicts another */
  readConfig(fields: Fields): DecoderConfig;
  /** Every tensor of `layers`. `hasTensor` tells what the package holds: a separate head is optional. */
  tensors(
    config: DecoderConfig,
    layers: LayerRange,
    hasTensor: (name: string) => boolean,
  ): TensorSpec[];
  /** Records one step. */
  record(config: DecoderConfig, parts: StepParts): Promise<StepRecord>;
}
