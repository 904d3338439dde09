/**
 * Published dimensions of the models whose speed is compared. All engines get random weights of the same shape.
 *
 * @module
 */

/** Dimensions of a decoder. */
export interface Shape {
  /** As in reports and file names. */
  name: string;
  /** Architecture key, the same in MLC packages and in GGUF. */
  architecture: "qwen2" | "llama";
  hiddenSize: number;
  intermediateSize: number;
  numLayers: number;
  numHeads: number;
  numKvHeads: number;
  headDim: number;
  /** Rows of the embedding, which is also the head. */
  vocabSize: number;
  rmsNormEps: number;
  ropeTheta: number;
}

/** By name. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  "qwen2-0.5b": {
    name: "qwen2-0.5b",
    architecture: "qwen2",
    hiddenSize: 896,
    intermediateSize: 4864,
    numLayers: 24,
    numHeads: 14,
    numKvHeads: 2,
    headDim: 64,
    vocabSize: 151936,
    rmsNormEps: 1e-6,
    ropeTheta: 1_000_000,
  },
  "smollm2-135m": {
    name: "smollm2-135m",
    architecture: "llama",
    hiddenSize: 576,
    intermediateSize: 1536,
    numLayers: 30,
    numHeads: 9,
    numKvHeads: 3,
    headDim: 64,
    vocabSize: 49152,
    rmsNormEps: 1e-5,
    ropeTheta: 100_000,
  },
};

/** Tokens a sequence may hold, in every engine. */
export const CONTEXT_LENGTH = 4096;

/** Numbers in all matrices; norms and biases are left out. */
export function countWeights(shape: Shape): number {
  const { hiddenSize, headDim } = shape;
  const attention = hiddenSize * headDim * (2 * shape.numHeads + 2 * shape.numKvHeads);
  const perLayer = attention + 3 * hiddenSize * shape.intermediateSize;
  return shape.numLayers * perLayer + shape.vocabSize * hiddenSize;
}
