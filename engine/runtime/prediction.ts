/**
 * How fast a model will be, from what was measured of models on the same adapter. Pure arithmetic.
 *
 * A decode step takes a fixed time and reads every weight and the keys and values of its context once; a prefill chunk takes the
 * same fixed time, multiplies each weight of the layers with each token, and reads the head once.
 *
 * @module
 */

import type { RatePrediction } from "../types.ts";

/** Prompt that a plan predicts for, in tokens; less where the model does not see as many. */
const NUM_PROMPT_TOKENS = 512;

/** Beyond this factor between two models the fixed costs of the small one hide what its weights cost. */
const MAX_PLAIN_RATIO = 8;

/** A step's share that is taken to be its weights even if the fixed time seems to be all of it. */
const MIN_WEIGHTS_SHARE = 0.1;

/** What the steps of a model read and multiply. */
export interface StepCosts {
  /** Bytes of weights that a decode step reads, the head's included. */
  readonly weightBytes: number;
  /** Bytes of the head alone; a step computes logits for few of its tokens. */
  readonly headBytes: number;
  /** Weights that each token of a prefill is multiplied with: those of the layers. */
  readonly numLayerWeights: number;
  /** Bytes of one token's keys and values in all layers. */
  readonly kvTokenBytes: number;
}

/** How long the steps of a loaded model took. */
export interface StepTimes {
  /** Of every step, whatever it computes: describing, submitting, waiting. */
  readonly fixedMs: number;
  /** Of a decode step, the fixed part included. */
  readonly decodeMs: number;
  /** Tokens that the decode step attended to. */
  readonly decodeContext: number;
  /** Of one prefill chunk, the fixed part included. */
  readonly prefillMs: number;
  /** Tokens of the chunk. */
  readonly prefillTokens: number;
}

/** A model that was loaded on this adapter and kernel set. */
export interface MeasuredModel extends StepCosts, StepTimes {
  /** What it was called. */
  readonly model: string;
  readonly quantization: string;
}

/** What is asked for. */
export interface PredictionRequest extends StepCosts {
  readonly quantization: string;
  readonly contextLength: number;
  readonly maxStepTokens: number;
  /** @default 512, or what the model sees */
  readonly numPromptTokens?: number;
}

/** Predicts from the measured model that is most like the one asked for; null if there is none. */
export function predictRates(
  request: PredictionRequest,
  measured: readonly MeasuredModel[],
): RatePrediction | null {
  const best = findClosest(request, measured);
  if (!best) return null;
  const longest = Math.max(1, request.contextLength - 1);
  const numPromptTokens = Math.min(request.numPromptTokens ?? NUM_PROMPT_TOKENS, longest);
  const { fixedMs } = best;
  const { msPerByte, msPerWeightToken } = computeUnitTimes(best);
  const numChunks = Math.ceil(numPromptTokens / request.maxStepTokens);
  const prefillMs = numChunks * fixedMs + msPerByte * request.headBytes +
    msPerWeightToken * request.numLayerWeights * numPromptTokens;
  const decodeMs = fixedMs +
    msPerByte * (request.weightBytes + request.kvTokenBytes * numPromptTokens);
  return {
    numPromptTokens,
    prefillTokensPerSecond: 1000 * numPromptTokens / prefillMs,
    decodeTokensPerSecond: 1000 / decodeMs,
    timeToFirstTokenMs: prefillMs,
    basis: describeBasis(request, best),
  };
}

/** What the weights cost once the fixed time is taken off. */
function computeUnitTimes(
  measured: MeasuredModel,
): { msPerByte: number; msPerWeightToken: number } {
  const { fixedMs, decodeMs, decodeContext, prefillMs, prefillTokens } = measured;
  const { weightBytes, headBytes, kvTokenBytes, numLayerWeights } = measured;
  const readMs = Math.max(decodeMs - fixedMs, MIN_WEIGHTS_SHARE * decodeMs);
  const msPerByte = readMs / (weightBytes + kvTokenBytes * decodeContext);
  const multiplyMs = Math.max(
    prefillMs - fixedMs - msPerByte * headBytes,
    MIN_WEIGHTS_SHARE * prefillMs,
  );
  return { msPerByte, msPerWeightToken: multiplyMs / (numLayerWeights * prefillTokens) };
}

/** The same shapes first, then the same quantization, then the size that is nearest by factor. */
function findClosest(
  request: PredictionRequest,
  measured: readonly MeasuredModel[],
): MeasuredModel | undefined {
  const distance = (model: MeasuredModel) =>
    Math.abs(Math.log(model.weightBytes / request.weightBytes));
  const rank = (model: MeasuredModel) =>
    hasSameShapes(model, request) ? 0 : model.quantization === request.quantization ? 1 : 2;
  return measured.toSorted((a, b) => rank(a) - rank(b) || distance(a) - distance(b))[0];
}

/** Whether two models take the same steps: how fast they are depends on nothing else. */
export function hasSameShapes(
  a: StepCosts & { quantization: string },
  b: StepCosts & { quantization: string },
): boolean {
  return a.quantization === b.quantization && a.weightBytes === b.weightBytes &&
    a.headBytes === b.headBytes && a.numLayerWeights === b.numLayerWeights &&
    a.kvTokenBytes === b.kvTokenBytes;
}

function describeBasis(request: PredictionRequest, measured: MeasuredModel): string {
  if (hasSameShapes(request, measured)) return "Measured when the model was loaded here";
  const ratio = request.weightBytes / measured.weightBytes;
  const factor = Math.max(ratio, 1 / ratio);
  const times = Number(factor.toPrecision(2));
  const size = times === 1
    ? "about as many bytes"
    : `${times} times ${ratio > 1 ? "as many" : "fewer"} bytes`;
  const isRough = factor > MAX_PLAIN_RATIO || measured.quantization !== request.quantization;
  return `Scaled from "${measured.model}" (${measured.quantization}), measured on this adapter: ` +
    `a token reads ${size} here${isRough ? "; rough until the model's own first load" : ""}`;
}
