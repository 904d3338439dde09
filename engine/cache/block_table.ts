/**
 * The KV blocks of one sequence.
 *
 * @module
 */

/** Blocks in order, and how far the prefix cache knows them. A {@linkcode BlockPool} fills and empties it. */
export class BlockTable {
  /** Block i holds tokens i · blockSize and following. */
  readonly blocks: number[] = [];
  /** Prefix-cache entries of the leading full blocks. */
  readonly entries: number[] = [];
}
