/**
 * Follows our block tables in a KV cache that knows only sequences. Our scheduler says "these blocks, from this position";
 * the library's cache can append to a sequence, copy its beginning, and cut its end. Knows no device.
 *
 * A sequence that has ended, or gave its blocks back, stays in the library's cache as long as one of the blocks that it
 * filled can still be asked for, cut down to those.
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
  /** Cuts the last `count` tokens off. */
  pop(id: number, count: number): void;
}

/** A sequence of the library's cache. */
interface Slot {
  readonly id: number;
  /** Tokens in it. */
  length: number;
  isLive: boolean;
  /** Blocks that it was the last to write, with their place in its table. */
  readonly blocks: Map<number, number>;
}

/** Which of the library's sequences holds what our block tables name. */
export class KvSequences {
  readonly #blockSize: number;
  readonly #kv: KvOperations;
  /** By our sequence. */
  readonly #live = new Map<number, Slot>();
  /** By block: who wrote it last. */
  readonly #writers = new Map<number, Slot>();
  #nextId = 0;

  constructor(blockSize: number, kv: KvOperations) {
    this.#blockSize = blockSize;
    this.#kv = kv;
  }

  /** Sequences in the library's cache. */
  get numSlots(): number {
    return new Set([...this.#writers.values(), ...this.#live.values()]).size;
  }

  /**
   * Makes a sequence of the library's cache hold exactly the tokens before the entry's.
   *
   * @returns its id, for the step that appends the entry's tokens
   */
  prepare(entry: RunnerEntry): number {
    let slot = this.#live.get(entry.sequence);
    if (slot?.length !== entry.firstPosition) {
      if (slot) this.release(entry.sequence);
      slot = this.#start(entry);
      this.#live.set(entry.sequence, slot);
    }
    this.#write(slot, entry);
    slot.length += entry.tokens.length;
    return slot.id;
  }

  /** Our sequence is over; its blocks may still be asked for. */
  release(sequence: number): void {
    const slot = this.#live.get(sequence);
    if (!slot) return;
    this.#live.delete(sequence);
    slot.isLive = false;
    this.#trim(slot);
  }

  #start({ firstPosition, blocks }: RunnerEntry): Slot {
    const slot: Slot = {
      id: this.#nextId++,
      length: firstPosition,
      isLive: true,
      blocks: new Map(),
    };
    if (firstPosition === 0) this.#kv.add(slot.id);
    else this.#kv.fork(this.#findParent(firstPosition, blocks).id, slot.id, firstPosition);
    return slot;
  }

  /** Full blocks stand for the whole prefix up to their end, so the last one's writer holds all of it. */
  #findParent(firstPosition: number, blocks: readonly number[]): Slot {
    const place = firstPosition / this.#blockSize - 1;
    const parent = this.#writers.get(blocks[place] ?? -1);
    if (parent && parent.blocks.get(blocks[place]!) === place && parent.length >= firstPosition) {
      return parent;
    }
    throw new Error(`No sequence of the library's cache holds the first ${firstPosition} tokens`);
  }

  /** Takes over the blocks that the entry's tokens fall into. */
  #write(slot: Slot, { firstPosition, tokens, blocks }: RunnerEntry): void {
    const first = Math.floor(firstPosition / this.#blockSize);
    const last = Math.floor((firstPosition + tokens.length - 1) / this.#blockSize);
    const losers = new Set<Slot>();
    for (let place = first; place <= last; place++) {
      const block = blocks[place]!;
      const writer = this.#writers.get(block);
      if (writer === slot) continue;
      if (writer) {
        writer.blocks.delete(block);
        losers.add(writer);
      }
      this.#writers.set(block, slot);
      slot.blocks.set(block, place);
    }
    for (const loser of losers) if (!loser.isLive) this.#trim(loser);
  }

  /** Cuts an ended sequence down to its last block that is still known. */
  #trim(slot: Slot): void {
    const length = this.#blockSize * (Math.max(-1, ...slot.blocks.values()) + 1);
    if (length === 0) this.#kv.remove(slot.id);
    else if (length < slot.length) {
      this.#kv.pop(slot.id, slot.length - length);
      slot.length = length;
    } else this.#forgetPartialBlock(slot);
  }

  /** The last block of an ended sequence is of no use unless it is full. */
  #forgetPartialBlock(slot: Slot): void {
    const place = Math.floor(slot.length / this.#blockSize);
    for (const [block, at] of slot.blocks) {
      if (at < place) continue;
      slot.blocks.delete(block);
      this.#writers.delete(block);
    }
    if (slot.length % this.#blockSize !== 0) this.#trim(slot);
  }
}
