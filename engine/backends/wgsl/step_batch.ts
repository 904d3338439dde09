/**
 * A step as the kernels read it: tokens, block tables and logits rows in words. Host memory only.
 *
 * @module
 */
import { roundContextLength, type StepShape } from "../../gpu/mod.ts";
import type { RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";

/** Words of `Step` in kernels/lib/step.wgsl. */
export const STEP_WORDS = 4;

/** Words of a `Token` in kernels/lib/step.wgsl. */
export const TOKEN_WORDS = 4;

/** Blocks at the start of a cache that no sequence has: block b of a runner's is block b + NUM_SPARE_BLOCKS of the device's. */
export const NUM_SPARE_BLOCKS = 1;

/** The one of a step that is computed for the kernels' sake. */
export const SPARE_BLOCK = -1;

/** A step in the words of kernels/lib/step.wgsl. */
export interface StepBatch {
  readonly shape: StepShape;
  /** [T] `Token`. */
  readonly tokens: Uint32Array<ArrayBuffer>;
  /** [L], the token row of each logits row. */
  readonly logitsRows: Uint32Array<ArrayBuffer>;
  /** [S, maxBlocks], where they are not what they were in the batch before; else empty. */
  readonly blockTables: Uint32Array<ArrayBuffer>;
  /** Blocks of the cache, from the first one on, that this batch and those before it have used. */
  readonly numBlocks: number;
}

/** Row length of the block tables. */
export function maxBlocksOf(
  { contextLength, blockSize }: Pick<RunnerLimits, "contextLength" | "blockSize">,
): number {
  return Math.ceil(contextLength / blockSize);
}

/** Describes one step after the other; what it gives is overwritten by the next. */
export class StepWriter {
  readonly #blockSize: number;
  readonly #maxBlocks: number;
  readonly #tokens: Uint32Array<ArrayBuffer>;
  readonly #blockTables: Uint32Array<ArrayBuffer>;
  readonly #logitsRows: Uint32Array<ArrayBuffer>;
  #numBlocks = 0;

  constructor(limits: RunnerLimits) {
    this.#blockSize = limits.blockSize;
    this.#maxBlocks = maxBlocksOf(limits);
    this.#tokens = new Uint32Array(TOKEN_WORDS * limits.maxStepTokens);
    this.#blockTables = new Uint32Array(this.#maxBlocks * limits.maxSequences);
    this.#logitsRows = new Uint32Array(limits.maxLogitsRows);
  }

  /** The whole step. */
  write(entries: readonly RunnerEntry[]): StepBatch {
    let numTokens = 0;
    let numLogits = 0;
    let hasNewBlocks = false;
    for (let sequence = 0; sequence < entries.length; sequence++) {
      const { tokens, firstPosition, blocks, numLogits: numRows } = entries[sequence]!;
      if (this.#setBlocks(sequence, blocks)) hasNewBlocks = true;
      for (let i = 0; i < tokens.length; i++) {
        const position = firstPosition + i;
        const word = TOKEN_WORDS * numTokens++;
        this.#tokens[word] = tokens[i]!;
        this.#tokens[word + 1] = position;
        const block = blocks[Math.floor(position / this.#blockSize)]! + NUM_SPARE_BLOCKS;
        this.#tokens[word + 2] = block * this.#blockSize + position % this.#blockSize;
        this.#tokens[word + 3] = sequence;
      }
      for (let i = numRows; i > 0; i--) this.#logitsRows[numLogits++] = numTokens - i;
    }
    const numTableWords = hasNewBlocks ? this.#maxBlocks * entries.length : 0;
    const tokens = this.#tokens.subarray(0, TOKEN_WORDS * numTokens);
    return {
      shape: shapeOf(tokens, numLogits),
      tokens,
      logitsRows: this.#logitsRows.subarray(0, numLogits),
      blockTables: this.#blockTables.subarray(0, numTableWords),
      numBlocks: this.#numBlocks,
    };
  }

  /** Fills a row of the block tables; false where it was the same already. */
  #setBlocks(sequence: number, blocks: readonly number[]): boolean {
    const first = sequence * this.#maxBlocks;
    let isNew = false;
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i]! + NUM_SPARE_BLOCKS;
      if (this.#blockTables[first + i] === block) continue;
      this.#blockTables[first + i] = block;
      this.#numBlocks = Math.max(this.#numBlocks, block + 1);
      isNew = true;
    }
    return isNew;
  }
}

/** The shape of a batch of `tokens`, some of which want logits; with `numSteps` also of those that follow each of them. */
export function shapeOf(tokens: Uint32Array, numLogits: number, numSteps = 1): StepShape {
  let maxPosition = 0;
  for (let word = 1; word < tokens.length; word += TOKEN_WORDS) {
    maxPosition = Math.max(maxPosition, tokens[word]!);
  }
  return {
    numTokens: tokens.length / TOKEN_WORDS,
    numLogits,
    contextLength: roundContextLength(maxPosition + numSteps - 1),
  };
}
