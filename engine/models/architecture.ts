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

/** Loaded tensors, by the name of their spec. */
export interface Weights {
  has(name: string): boolean;
  matrix(name: string): Matrix;
  /** f32. */
  vector(name: string): GpuResource;
}

/** Buffers that more than one operation of a step writes or reads, all f32. */
export interface Activations {
  /** [T, D], the residual stream. */
  readonly hidden: GPUBuffer;
  /** [L, V]. */
  readonly logits: GPUBuffer;
}

/** Everything that the recording of a step refers to. */
export interface StepParts {
  readonly ops: Operations;
  readonly weights: Weights;
  readonly activations: Activations;
  /** One for each layer. */
  readonly kv: readonly KvLayer[];
  /** [P, 2, R / 2] f32 for each of the config's ropes. */
  readonly cosSin: readonly GPUBuffer[];
}

/** One file an architecture implements this. */
export interface Architecture {
  /** @throws {ModelInvalidError} a size is missing, out of range or contradicts another */
  readConfig(fields: Fields): DecoderConfig;
  /** Every tensor. `hasTensor` tells what the package holds: a separate head is optional. */
  tensors(config: DecoderConfig, hasTensor: (name: string) => boolean): TensorSpec[];
  /** Records one step, from tokens to logits. */
  record(config: DecoderConfig, parts: StepParts): Promise<Dispatch[]>;
}
