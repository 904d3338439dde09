/**
 * Where a model is cut into two stages, and a step into pieces that flow through them.
 *
 * @module
 */
import type { DecoderConfig, LayerRange } from "../../models/mod.ts";
import type { ModelPlan } from "./model_plan.ts";
import type { ChannelSizes } from "./stage_channel.ts";
import { maxBlocksOf } from "./step_batch.ts";

/** Steps that two stages compute at once. */
export const MAX_STEPS_IN_FLIGHT = 2;

/** Tokens of a piece at most: what a stage allocates for. */
export const MAX_PIECE_TOKENS = 32;

/** Fewer tokens go through as one: two pieces would read all weights twice for nothing. */
const MIN_CUT_TOKENS = 5;

/** Tokens of a piece of a batch, which is over soon. */
const BATCH_PIECE_TOKENS = 8;

/** Pieces of a prompt at least: fewer leave a stage waiting, more cost time between them. */
const MIN_PROMPT_PIECES = 4;
/** Smaller ones are for batches. */
const MIN_PROMPT_PIECE_TOKENS = 16;

/**
 * Half of the layers for each stage; the head goes with the last ones. The first stage has less to do for a batch, but its core
 * samples and serves as well, and prompts need no head. A model with a single layer has one stage.
 */
export function cutModel({ numHiddenLayers }: DecoderConfig, numStages: 1 | 2): LayerRange[] {
  const layer = Math.ceil(numHiddenLayers / 2);
  if (numStages === 1 || layer === numHiddenLayers) return [{ first: 0, end: numHiddenLayers }];
  return [{ first: 0, end: layer }, { first: layer, end: numHiddenLayers }];
}

/**
 * How many tokens of a step go together: both stages have to have something to do, in tiles as large as possible.
 *
 * @param hasOther whether another step gives the stages something to do as well
 */
export function choosePieceTokens(numTokens: number, hasOther: boolean): number {
  if (numTokens < MIN_CUT_TOKENS) return numTokens;
  for (let size = MAX_PIECE_TOKENS; size >= MIN_PROMPT_PIECE_TOKENS; size /= 2) {
    if (numTokens >= MIN_PROMPT_PIECES * size) return size;
  }
  // The second stage waits for the first piece even beside another step, if the chunk of a prompt makes that step a long one.
  return hasOther ? BATCH_PIECE_TOKENS : Math.min(BATCH_PIECE_TOKENS, Math.ceil(numTokens / 2));
}

/** What lies between the stages of a plan. */
export function channelSizes({ config, memory }: ModelPlan): ChannelSizes {
  return {
    maxTokens: MAX_PIECE_TOKENS,
    maxTableWords: maxBlocksOf(memory) * memory.maxSequences,
    maxLogitsRows: MAX_STEPS_IN_FLIGHT * memory.maxLogitsRows,
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
  };
}
