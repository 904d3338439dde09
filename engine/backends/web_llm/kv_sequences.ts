/**
 * Follows our block tables in a KV cache that knows only sequences. Our scheduler says "these blocks, from this position";
 * the library's cache can append to a sequence and start one with another's beginning. Knows no device.
 *
 * A sequence that has ended stays in the library's cache as long as one of the full blocks that it wrote can still be asked
 * for, cut down to those. Each page of the library's cache thus belongs to one of our blocks, so that a cache of as many
 * pages as we have blocks never runs out. That needs a block pool that hands a block out only behind the blocks it was
 * computed behind, and overwrites a block before those.
 *
 * @module
 */
import type { RunnerEntry } from "../../runtime/runner.ts";

/** What the library's cache can do; ids are ours. */
export interface KvOperations {
  add(id: number): void;
  remove(id: number): void;
  /** Starts `child` with the first `length` tokens of `parent`. */
  fork(parent: number, child: number, length: number): void;
}

/** Options of {@linkcode KvSequences}. */
export interface KvSequencesOptions {
  /** Tokens of a block, and of a page of the library's cache. */
  readonly blockSize: number;
  /** Without it, no block is asked for again after its sequence's end. */
  readonly canFork: boolean;
}

/** A sequence of the library's cache. */
interface Slot {
  id: number;
  /** Our sequence; null when that has ended. */
  sequence: number | null;
  /** Tokens in it. */
  length: number;
  /** Our blocks that its tokens stand for, in order. */
  readonly table: number[];
}

/** Which of the library's sequences holds what our block tables name. */
export class KvSequences {
  readonly #kv: KvOperations;
  readonly #options: KvSequencesOptions;
  /** By our sequence. */
  readonly #live = new Map<number, Slot>();
  /** By block: who wrote it last. */
  readonly #writers = new Map<number, Slot>();
  #nextId = 0;

  constructor(kv: KvOperations, options: KvSequencesOptions) {
    this.#kv = kv;
    this.#options = options;
  }

  /**
   * Makes a sequence of the library's cache hold exactly the tokens before the entry's.
   *
   * @returns its id, for the step that appends the entry's tokens
   */
  prepare(entry: RunnerEntry): number {
    let slot = this.#live.get(entry.sequence);
    if (!slot || !isContinued(slot, entry)) {
      this.release(entry.sequence); // it was preempted, and starts anew
      slot = this.#start(entry);
      this.#live.set(entry.sequence, slot);
    }
    this.#write(slot, entry);
    slot.length += entry.tokens.length;
    return slot.id;
  }

  /** Our sequence is over; its full blocks may still be asked for. */
  release(sequence: number): void {
    const slot = this.#live.get(sequence);
    if (!slot) return;
    this.#live.delete(sequence);
    slot.sequence = null;
    this.#trim(slot);
  }

  #start({ sequence, firstPosition, blocks }: RunnerEntry): Slot {
    const numBlocks = firstPosition / this.#options.blockSize;
    const table = blocks.slice(0, numBlocks);
    const slot: Slot = { id: this.#nextId++, sequence, length: firstPosition, table };
    if (numBlocks === 0) this.#kv.add(slot.id);
    else this.#kv.fork(this.#findHolder(blocks, numBlocks).id, slot.id, firstPosition);
    return slot;
  }

  /** A full block stands for the whole prefix up to its end, so whoever wrote it holds all of that. */
  #findHolder(blocks: readonly number[], numBlocks: number): Slot {
    const block = blocks[numBlocks - 1];
    const holder = block === undefined ? undefined : this.#writers.get(block);
    if (holder?.table[numBlocks - 1] === block && holder) return holder;
    throw new Error(`No sequence of the library's cache holds the first ${numBlocks} blocks`);
  }

  /** Takes over the blocks that the entry's tokens fall into. */
  #write(slot: Slot, { firstPosition, tokens, blocks }: RunnerEntry): void {
    const { blockSize } = this.#options;
    const first = Math.floor(firstPosition / blockSize);
    const last = Math.floor((firstPosition + tokens.length - 1) / blockSize);
    const losers = new Set<Slot>();
    for (let place = first; place <= last; place++) {
      const block = blocks[place]!;
      const writer = this.#writers.get(block);
      if (writer === slot) continue;
      if (writer) losers.add(writer);
      this.#writers.set(block, slot);
      slot.table[place] = block;
    }
    for (const loser of losers) {
      // Nobody takes blocks of a running sequence: one that loses some was preempted, and waits.
      if (loser.sequence === null) this.#trim(loser);
      else this.release(loser.sequence);
    }
  }

  /** Cuts an ended sequence down to its last full block that is still its own. */
  #trim(slot: Slot): void {
    const { blockSize, canFork } = this.#options;
    let numBlocks = canFork ? Math.floor(slot.length / blockSize) : 0;
    while (numBlocks > 0 && this.#writers.get(slot.table[numBlocks - 1]!) !== slot) numBlocks--;
    for (const block of slot.table.splice(numBlocks)) {
      if (this.#writers.get(block) === slot) this.#writers.delete(block);
    }
    const length = numBlocks * blockSize;
    if (length === slot.length) return;
    const whole = slot.id;
    if (length > 0) {
      // Not `popn`: older runtimes cut no further than to the last fork.
      slot.id = this.#nextId++;
      this.#kv.fork(whole, slot.id, length);
      slot.length = length;
    }
    this.#kv.remove(whole);
  }
}

/** Whether the entry goes on where the slot ends, in the blocks that the slot stands for. */
function isContinued({ length, table }: Slot, { firstPosition, blocks }: RunnerEntry): boolean {
  return length === firstPosition && table.every((block, place) => block === blocks[place]);
}
