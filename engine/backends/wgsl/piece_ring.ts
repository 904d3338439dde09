/**
 * Pieces of weights on their way from one thread to another, in memory that both share: one fills slots in turn, the other empties
 * them. Who fills may wait; who empties never has to, and can see to it between other work.
 *
 * @module
 */

/** Of all slots, about: what may be packed while the other thread is busy. */
const RING_BYTES = 48 * 1024 * 1024;

/** Numbers in front of a slot's bytes: tensor, part, resource, offset, length. */
const HEADER_NUMBERS = 5;

const HEADER_BYTES = 8 * HEADER_NUMBERS;

/** Indices in the ring's words. */
const NUM_FILLED = 0;
const NUM_EMPTIED = 1;
const NUM_WORDS = 2;

/** Instead of a tensor's number: nothing more will come. */
const END = -1;

/** Instead of a number of emptied slots: none will be emptied any more. */
const CLOSED = -1n;

/** After which who fills takes it that who empties is gone: longer than any driver compiles. */
const MAX_WAIT_MS = 600_000;

/** Where a piece goes. */
export interface PieceHeader {
  /** Number of the tensor in the order of the package. */
  readonly tensor: number;
  readonly part: number;
  readonly resource: number;
  readonly offset: number;
}

/** A piece as it lies in its slot. */
export interface Piece extends PieceHeader {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

/** What both threads know of a ring. */
export interface RingMemory {
  readonly buffer: SharedArrayBuffer;
  readonly numSlots: number;
  /** Bytes of a slot, its header included; a multiple of 8. */
  readonly slotBytes: number;
}

/** @param maxPieceBytes of any piece */
export function createRingMemory(maxPieceBytes: number): RingMemory {
  const slotBytes = HEADER_BYTES + Math.ceil(maxPieceBytes / 8) * 8;
  const numSlots = Math.max(2, Math.floor(RING_BYTES / slotBytes));
  const buffer = new SharedArrayBuffer(8 * NUM_WORDS + numSlots * slotBytes);
  return { buffer, numSlots, slotBytes };
}

class Ring {
  readonly #memory: RingMemory;
  readonly #words: BigInt64Array<SharedArrayBuffer>;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#words = new BigInt64Array(memory.buffer, 0, NUM_WORDS);
  }

  get numFilled(): number {
    return Number(Atomics.load(this.#words, NUM_FILLED));
  }

  get numEmptied(): number {
    return Number(Atomics.load(this.#words, NUM_EMPTIED));
  }

  /**
   * The next slot to be filled. Blocks the thread until it is empty.
   *
   * @throws {Error} it never will be
   */
  waitForEmpty(): { header: Float64Array; start: number } {
    const { numSlots } = this.#memory;
    for (;;) {
      const emptied = Atomics.load(this.#words, NUM_EMPTIED);
      if (emptied === CLOSED) throw new Error("Nobody empties the ring any more");
      const { numFilled } = this;
      if (numFilled - Number(emptied) < numSlots) return this.slot(numFilled);
      if (Atomics.wait(this.#words, NUM_EMPTIED, emptied, MAX_WAIT_MS) === "timed-out") {
        throw new Error(`Nobody has emptied the ring for ${MAX_WAIT_MS / 1000} s`);
      }
    }
  }

  close(): void {
    Atomics.store(this.#words, NUM_EMPTIED, CLOSED);
    Atomics.notify(this.#words, NUM_EMPTIED);
  }

  slot(number: number): { header: Float64Array; start: number } {
    const { buffer, numSlots, slotBytes } = this.#memory;
    const start = 8 * NUM_WORDS + (number % numSlots) * slotBytes;
    return { header: new Float64Array(buffer, start, HEADER_NUMBERS), start: start + HEADER_BYTES };
  }

  advance(which: typeof NUM_FILLED | typeof NUM_EMPTIED): void {
    Atomics.add(this.#words, which, 1n);
    Atomics.notify(this.#words, which);
  }

  /** Resolves when more than `numFilled` are filled. */
  async waitForFilled(numFilled: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.#words, NUM_FILLED, BigInt(numFilled));
    if (async) await value;
  }
}

/** The end that fills. */
export class RingWriter {
  readonly #memory: RingMemory;
  readonly #ring: Ring;
  #nbytes = 0;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#ring = new Ring(memory);
  }

  /** Memory for the next piece, with what an earlier one has left there. Blocks the thread until there is some. */
  allocate(nbytes: number): Uint8Array<SharedArrayBuffer> {
    if (nbytes > this.#memory.slotBytes - HEADER_BYTES) {
      throw new RangeError(`A piece of ${nbytes} bytes exceeds the slots of the ring`);
    }
    this.#nbytes = nbytes;
    return new Uint8Array(this.#memory.buffer, this.#ring.waitForEmpty().start, nbytes);
  }

  /** Hands on what was allocated last. */
  put({ tensor, part, resource, offset }: PieceHeader): void {
    const { header } = this.#ring.waitForEmpty();
    header.set([tensor, part, resource, offset, this.#nbytes]);
    this.#ring.advance(NUM_FILLED);
  }

  /** Says that nothing more will come. */
  end(): void {
    this.allocate(0);
    this.put({ tensor: END, part: 0, resource: 0, offset: 0 });
  }
}

/** The end that empties. */
export class RingReader {
  readonly #memory: RingMemory;
  readonly #ring: Ring;
  #hasEnded = false;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#ring = new Ring(memory);
  }

  /** Whether all has come. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Calls `use` with each piece that is there; it is gone once `use` returns. */
  drain(use: (piece: Piece) => void): void {
    while (this.#ring.numEmptied < this.#ring.numFilled) {
      const { header, start } = this.#ring.slot(this.#ring.numEmptied);
      const [tensor, part, resource, offset, nbytes] = header as unknown as number[];
      if (tensor === END) this.#hasEnded = true;
      else {
        const bytes = new Uint8Array(this.#memory.buffer, start, nbytes!);
        use({ tensor: tensor!, part: part!, resource: resource!, offset: offset!, bytes });
      }
      this.#ring.advance(NUM_EMPTIED);
    }
  }

  /** Lets go of a thread that waits: the runtime ends no worker that does. */
  close(): void {
    this.#ring.close();
  }

  /** Resolves when there may be a piece. */
  async wait(): Promise<void> {
    const { numEmptied } = this.#ring;
    if (this.#ring.numFilled === numEmptied) await this.#ring.waitForFilled(numEmptied);
  }
}
