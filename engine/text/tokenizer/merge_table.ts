/**
 * The merges of a BPE model: pair of ids → rank and merged id. A hash table in typed arrays, since published models have 500,000
 * merges and a Map of objects would take ten times the memory.
 */
export class MergeTable {
  /** Slots of four words: left, right, rank, merged id; left is −1 in an empty slot. */
  readonly #slots: Int32Array;
  readonly #mask: number;

  /** @param numMerges upper bound on the number of pairs */
  constructor(numMerges: number) {
    const numSlots = 2 ** Math.ceil(Math.log2(Math.max(8, 2 * numMerges)));
    this.#slots = new Int32Array(4 * numSlots).fill(-1);
    this.#mask = numSlots - 1;
  }

  /** Adds a pair; of a pair given twice, the last rank counts, as in `tokenizers`. */
  add(left: number, right: number, rank: number, merged: number): void {
    this.#slots.set([left, right, rank, merged], 4 * this.#find(left, right));
  }

  /** Rank of a pair, or −1. */
  rankOf(left: number, right: number): number {
    return this.#slots[4 * this.#find(left, right) + 2]!;
  }

  /** What a pair merges into, or −1. */
  mergedOf(left: number, right: number): number {
    return this.#slots[4 * this.#find(left, right) + 3]!;
  }

  /** The pair's slot, or the empty one where it belongs. */
  #find(left: number, right: number): number {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 7 & this.#mask;
    const slots = this.#slots;
    while (slots[4 * slot] !== -1 && (slots[4 * slot] !== left || slots[4 * slot + 1] !== right)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}
