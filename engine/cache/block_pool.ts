/**
 * Bookkeeping of the paged KV cache: which blocks are free. Knows no device and no sequence.
 *
 * @module
 */

/** Hands out blocks 0 to numBlocks - 1. */
export class BlockPool {
  /** All blocks. */
  readonly numBlocks: number;
  /** Token slots of a block. */
  readonly blockSize: number;
  /** Free blocks, the one freed last on top: it is the likeliest to be in a cache. */
  readonly #free: number[];

  constructor(numBlocks: number, blockSize: number) {
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.#free = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i);
  }

  /** Blocks that nobody holds. */
  get numFree(): number {
    return this.#free.length;
  }

  /** Blocks that hold `numTokens` tokens. */
  blocksFor(numTokens: number): number {
    return Math.ceil(numTokens / this.blockSize);
  }

  /** Appends free blocks to `blocks` until it holds `numTokens` tokens; takes nothing and returns false if too few are free. */
  grow(blocks: number[], numTokens: number): boolean {
    const numMissing = this.blocksFor(numTokens) - blocks.length;
    if (numMissing > this.#free.length) return false;
    for (let i = 0; i < numMissing; i++) blocks.push(this.#free.pop()!);
    return true;
  }

  /** Takes all blocks of a table back and empties it. */
  release(blocks: number[]): void {
    while (blocks.length > 0) this.#free.push(blocks.pop()!);
  }
}
