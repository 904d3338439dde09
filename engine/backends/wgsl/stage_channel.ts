/**
 * Memory that two stages share: a ring of pieces with what the first stage made of them, and a ring of the logits that come back.
 * Waking the other side through it takes some microseconds, a message ten times as long.
 *
 * @module
 */
import { shapeOf, type StepBatch, TOKEN_WORDS } from "./step_batch.ts";

/** Pieces on their way: the first stage may be ahead by as many. */
const NUM_SLOTS = 8;

/** Words of the start of the memory: counters that the sides wait for, modulo 2^32, and flags. */
const POSTED = 0;
const FINISHED = 1;
const PARKED = 2;
/** Rows of logits that came back. */
const RETURNED = 3;
/** Counts whatever the first stage may wait for. */
const NEWS = 4;
const CONTROL_WORDS = 16;

/** Words before the data of a slot: tokens, logits rows, words of block tables. */
const HEADER_WORDS = 3;

/** What fits. */
export interface ChannelSizes {
  /** Of a piece. */
  readonly maxTokens: number;
  /** Of all block tables together. */
  readonly maxTableWords: number;
  /** Rows of logits that were asked for and not taken yet. */
  readonly maxLogitsRows: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
}

/** Some tokens of a step behind the first stage. */
export interface Piece {
  readonly batch: StepBatch;
  /** [T, D] f32. */
  readonly hidden: Float32Array<ArrayBuffer>;
}

/** One of the two sides; the one that posts pieces, or the one that takes them. */
export class StageChannel {
  /** For the other side. */
  readonly memory: SharedArrayBuffer;
  readonly #sizes: ChannelSizes;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #slots: { words: Uint32Array; hidden: Float32Array }[];
  /** [L, V], a ring. */
  readonly #logits: Float32Array;
  /** Pieces that this side posted or took. */
  #numPieces = 0;
  /** Rows of logits that this side asked for or gave back. */
  #numRows = 0;
  #numRowsTaken = 0;

  /** @param memory what the other side made; absent makes some */
  constructor(sizes: ChannelSizes, memory?: SharedArrayBuffer) {
    const slotWords = HEADER_WORDS + (TOKEN_WORDS + 1) * sizes.maxTokens + sizes.maxTableWords;
    const hiddenWords = sizes.hiddenSize * sizes.maxTokens;
    const logitsWords = sizes.vocabSize * sizes.maxLogitsRows;
    const firstLogitsWord = CONTROL_WORDS + NUM_SLOTS * (slotWords + hiddenWords);
    this.#sizes = sizes;
    this.memory = memory ?? new SharedArrayBuffer(4 * (firstLogitsWord + logitsWords));
    this.#control = new Int32Array(this.memory, 0, CONTROL_WORDS);
    this.#slots = Array.from({ length: NUM_SLOTS }, (_, slot) => {
      const first = CONTROL_WORDS + slot * (slotWords + hiddenWords);
      return {
        words: new Uint32Array(this.memory, 4 * first, slotWords),
        hidden: new Float32Array(this.memory, 4 * (first + slotWords), hiddenWords),
      };
    });
    this.#logits = new Float32Array(this.memory, 4 * firstLogitsWord, logitsWords);
  }

  /** Whether {@linkcode post} has room for a piece that wants so many rows of logits. */
  hasRoom(numLogits: number): boolean {
    const numUnfinished = (this.#numPieces - Atomics.load(this.#control, FINISHED)) | 0;
    const numRows = this.#numRows - this.#numRowsTaken + numLogits;
    return numUnfinished < NUM_SLOTS && numRows <= this.#sizes.maxLogitsRows;
  }

  /** Rows of logits that {@linkcode post} has asked for so far. */
  get numRowsPosted(): number {
    return this.#numRows;
  }

  /**
   * Appends a piece to the ring.
   *
   * @returns whether the other side has gone back to its messages, and needs one to wake up
   */
  post({ batch, hidden }: Piece): boolean {
    const { tokens, logitsRows, blockTables } = batch;
    const slot = this.#slots[this.#numPieces % NUM_SLOTS]!;
    const { numTokens, numLogits } = batch.shape;
    slot.words.set([numTokens, numLogits, blockTables.length]);
    slot.words.set(tokens, HEADER_WORDS);
    slot.words.set(logitsRows, HEADER_WORDS + tokens.length);
    slot.words.set(blockTables, HEADER_WORDS + tokens.length + logitsRows.length);
    slot.hidden.set(hidden);
    this.#numPieces++;
    this.#numRows += numLogits;
    Atomics.add(this.#control, POSTED, 1);
    Atomics.notify(this.#control, POSTED);
    return Atomics.compareExchange(this.#control, PARKED, 1, 0) === 1;
  }

  /** Whether the rows of logits before `end` have come back, and those before `first` were taken. */
  canTakeLogits(first: number, end: number): boolean {
    const numLeft = (end - Atomics.load(this.#control, RETURNED)) | 0;
    return first === this.#numRowsTaken && numLeft <= 0;
  }

  /** Changes whenever the other side has something to tell. */
  get news(): number {
    return Atomics.load(this.#control, NEWS);
  }

  /** Resolves when the news are others than these; false if the time was over before. Leaves the thread to others meanwhile. */
  async waitForNews(news: number, timeoutMs: number): Promise<boolean> {
    const { value } = Atomics.waitAsync(this.#control, NEWS, news, timeoutMs);
    return await value !== "timed-out";
  }

  /** Takes rows of logits that {@linkcode canTakeLogits} speaks of, [end - first, V] f32, as a copy. */
  takeLogits(first: number, end: number): Float32Array<ArrayBuffer> {
    const { vocabSize } = this.#sizes;
    const logits = new Float32Array((end - first) * vocabSize);
    for (let row = first; row < end; row++) {
      logits.set(this.#row(row), (row - first) * vocabSize);
    }
    this.#numRowsTaken = end;
    this.rouse(); // what waits for room, or for its turn
    return logits;
  }

  #row(row: number): Float32Array {
    const { vocabSize, maxLogitsRows } = this.#sizes;
    const place = row % maxLogitsRows;
    return this.#logits.subarray(place * vocabSize, (place + 1) * vocabSize);
  }

  /** The next piece, as a copy; null when none was posted. */
  take(): Piece | null {
    if (this.#isEmpty) return null;
    const { words, hidden } = this.#slots[this.#numPieces++ % NUM_SLOTS]!;
    const [numTokens, numLogits, numTableWords] = words;
    let end = HEADER_WORDS;
    const next = (length: number) => new Uint32Array(words.subarray(end, end += length));
    const tokens = next(TOKEN_WORDS * numTokens!);
    return {
      batch: {
        shape: shapeOf(tokens, numLogits!),
        tokens,
        logitsRows: next(numLogits!),
        blockTables: next(numTableWords!),
      },
      hidden: new Float32Array(hidden.subarray(0, numTokens! * this.#sizes.hiddenSize)),
    };
  }

  get #isEmpty(): boolean {
    return Atomics.load(this.#control, POSTED) === (this.#numPieces | 0);
  }

  /** Blocks until there is a piece to take, or until the time is over. */
  waitForPiece(timeoutMs: number): void {
    Atomics.wait(this.#control, POSTED, this.#numPieces | 0, timeoutMs);
  }

  /**
   * Announces that from now on only a message wakes this side up.
   *
   * @returns false if a piece came meanwhile, and no message will
   */
  park(): boolean {
    Atomics.store(this.#control, PARKED, 1);
    return this.#isEmpty || Atomics.compareExchange(this.#control, PARKED, 1, 0) === 0;
  }

  /** The piece that was taken last is done. @param logits [L, V] f32 of the rows that want them */
  finish(logits: Float32Array): void {
    const { vocabSize } = this.#sizes;
    const numRows = logits.length / vocabSize;
    for (let i = 0; i < numRows; i++) {
      this.#row(this.#numRows++).set(logits.subarray(i * vocabSize, (i + 1) * vocabSize));
    }
    Atomics.add(this.#control, RETURNED, numRows);
    Atomics.add(this.#control, FINISHED, 1);
    this.rouse();
  }

  /** Ends all waits for news: something has happened. */
  rouse(): void {
    Atomics.add(this.#control, NEWS, 1);
    Atomics.notify(this.#control, NEWS);
  }
}
