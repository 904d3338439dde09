/**
 * Where a model is cut into two stages, and a step into pieces that flow through them.
 *
 * @module
 */
import type { DecoderConfig, LayerRange } from "../../models/mod.ts";
import type { RowRange } from "../../ops/mod.ts";
import type { ModelPlan } from "./model_plan.ts";
import type { ChannelSizes } from "./stage_channel.ts";
import { maxBlocksOf } from "./step_batch.ts";

/** Tokens of a piece at most: what a stage allocates for. */
export const MAX_PIECE_TOKENS = 32;

/** Fewer tokens go through as one: two pieces would read all weights twice for nothing. */
const MIN_CUT_TOKENS = 5;

/** Tokens of a piece of a batch, which is over soon, and of a prompt, where fewer pieces cost less between them. */
const BATCH_PIECE_TOKENS = 8;
const PROMPT_PIECE_TOKENS = 16;

/** A step of so many tokens makes four large pieces. */
const MIN_PROMPT_TOKENS = 64;

/** Rows of the head begin in a stage at a multiple of this: a tile of the software set. */
const HEAD_STEP = 64;

/** What a stage computes. */
export interface StageShare {
  readonly layers: LayerRange;
  /** Rows of the head. */
  readonly vocabulary: RowRange;
}

/**
 * Half of the layers for each stage, and half of the head: both compute their part of the logits at the same time, since the
 * first would have nothing to do meanwhile. A model that is too small for two stages has one.
 */
export function cutModel(config: DecoderConfig, numStages: 1 | 2): StageShare[] {
  const { numHiddenLayers, vocabSize } = config;
  const layer = Math.ceil(numHiddenLayers / 2);
  const row = HEAD_STEP * Math.ceil(vocabSize / 2 / HEAD_STEP);
  if (numStages === 1 || layer === numHiddenLayers || row >= vocabSize) {
    return [{
      layers: { first: 0, end: numHiddenLayers },
      vocabulary: { first: 0, end: vocabSize },
    }];
  }
  return [
    { layers: { first: 0, end: layer }, vocabulary: { first: 0, end: row } },
    {
      layers: { first: layer, end: numHiddenLayers },
      vocabulary: { first: row, end: vocabSize },
    },
  ];
}

/** How many tokens of a step go together: both stages have to have something to do, in tiles as large as possible. */
export function choosePieceTokens(numTokens: number): number {
  if (numTokens < MIN_CUT_TOKENS) return numTokens;
  if (numTokens >= MIN_PROMPT_TOKENS) return PROMPT_PIECE_TOKENS;
  return Math.min(BATCH_PIECE_TOKENS, Math.ceil(numTokens / 2));
}

/** What lies between the stages of a plan. */
export function channelSizes({ config, memory, stages }: ModelPlan): ChannelSizes {
  const { first, end } = stages[1]!.vocabulary;
  return {
    maxTokens: MAX_PIECE_TOKENS,
    maxTableWords: maxBlocksOf(memory) * memory.maxSequences,
    maxLogitsRows: memory.maxLogitsRows,
    hiddenSize: config.hiddenSize,
    numLogits: end - first,
  };
}
