/**
 * Bookkeeping of the paged KV cache: who holds which block, and what the blocks that nobody holds still know. Knows no
 * device and no sequence.
 *
 * @module
 */
import type { BlockTable } from "./block_table.ts";
import { PrefixCache, ROOT_ENTRY } from "./prefix_cache.ts";

/** Hands out blocks 0 to numBlocks - 1; full blocks are found again by their tokens until they are overwritten. */
export class BlockPool {
  /** All blocks. */
  readonly numBlocks: number;
  /** Token slots of a block. */
  readonly blockSize: number;
  /** Tables that hold each block. */
  readonly #numHolders: Uint32Array;
  /** Blocks that nobody holds, the one to be overwritten next first: a set keeps its order of insertion. */
  readonly #free: Set<number>;
  readonly #prefixes = new PrefixCache();

  constructor(numBlocks: number, blockSize: number) {
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.#numHolders = new Uint32Array(numBlocks);
    this.#free = new Set(Array.from({ length: numBlocks }, (_, i) => i));
  }

  /** Blocks that nobody holds. */
  get numFree(): number {
    return this.#free.size;
  }

  /** Blocks that hold `numTokens` tokens. */
  blocksFor(numTokens: number): number {
    return Math.ceil(numTokens / this.blockSize);
  }

  /**
   * Appends the cached blocks of the longest known prefix of `tokens` to an empty table.
   *
   * @returns tokens found; the last one of `tokens` is left to compute, since its logits are wanted
   */
  adopt(table: BlockTable, tokens: readonly number[]): number {
    const { blockSize } = this;
    for (let end = blockSize; end < tokens.length; end += blockSize) {
      const parent = table.entries.at(-1) ?? ROOT_ENTRY;
      const entry = this.#prefixes.find(parent, tokens.slice(end - blockSize, end));
      if (!entry) break;
      this.#hold(entry.block);
      table.blocks.push(entry.block);
      table.entries.push(entry.id);
    }
    return table.blocks.length * blockSize;
  }

  /** Appends free blocks until the table holds `numTokens` tokens; takes nothing and returns false if too few are free. */
  grow(table: BlockTable, numTokens: number): boolean {
    const numMissing = this.blocksFor(numTokens) - table.blocks.length;
    if (numMissing > this.#free.size) return false;
    for (let i = 0; i < numMissing; i++) {
      const [block] = this.#free;
      this.#prefixes.forget(block!);
      this.#hold(block!);
      table.blocks.push(block!);
    }
    return true;
  }

  /**
   * Lets the prefix cache know the table's blocks that are full now that `numComputed` of `tokens` are computed. Stops at a
   * block whose tokens another one holds already: what is found again is always a chain of blocks that were computed
   * behind each other, so a block is never overwritten before those that need it.
   */
  remember(table: BlockTable, tokens: readonly number[], numComputed: number): void {
    const numFull = Math.floor(numComputed / this.blockSize);
    for (let i = table.entries.length; i < numFull; i++) {
      const parent = table.entries.at(-1) ?? ROOT_ENTRY;
      const own = tokens.slice(i * this.blockSize, (i + 1) * this.blockSize);
      const entry = this.#prefixes.insert(parent, own, table.blocks[i]!);
      if (entry.block !== table.blocks[i]) return;
      table.entries.push(entry.id);
    }
  }

  /** Takes all blocks of a table back and empties it. Its last blocks are overwritten first: a prefix is worth more. */
  release(table: BlockTable): void {
    while (table.blocks.length > 0) {
      const block = table.blocks.pop()!;
      if (--this.#numHolders[block]! === 0) this.#free.add(block);
    }
    table.entries.length = 0;
  }

  #hold(block: number): void {
    if (this.#numHolders[block]!++ === 0) this.#free.delete(block);
  }
}
