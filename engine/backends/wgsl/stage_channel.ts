/**
 * Memory that two stages share: a ring of pieces with what the first stage made of them, and what comes back: the rows of the
 * residual stream that want logits, and the second stage's part of those.
 * Waking the other side through it takes some microseconds, a message ten times as long.
 *
 * @module
 */
import { shapeOf, type StepBatch, TOKEN_WORDS } from "./step_batch.ts";

/** Pieces on their way: the first stage may be ahead by as many. */
const NUM_SLOTS = 8;

/** Words of the start of the memory: counters that the sides wait for, and flags. */
const POSTED = 0;
const FINISHED = 1;
const PARKED = 2;
/** Rows that came back, of this step. */
const RETURNED = 3;
/** Counts whatever the first stage may wait for. */
const NEWS = 4;
const CONTROL_WORDS = 16;

/** Words before the data of a slot: tokens, logits rows, words of block tables, first row of its logits. */
const HEADER_WORDS = 4;

/** What fits. */
export interface ChannelSizes {
  /** Of a piece. */
  readonly maxTokens: number;
  /** Of all block tables together. */
  readonly maxTableWords: number;
  readonly maxLogitsRows: number;
  readonly hiddenSize: number;
  /** Of a row, as far as the second stage makes them. */
  readonly numLogits: number;
}

/** Some tokens of a step behind the first stage. */
export interface Piece {
  readonly batch: StepBatch;
  /** [T, D] f32. */
  readonly hidden: Float32Array<ArrayBuffer>;
  /** Where its logits begin among those of the step. */
  readonly firstLogitsRow: number;
}

/** One of the two sides; the one that posts, or the one that takes. */
export class StageChannel {
  /** For the other side. */
  readonly memory: SharedArrayBuffer;
  readonly #sizes: ChannelSizes;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #slots: { words: Uint32Array; hidden: Float32Array }[];
  /** [L, D]. */
  readonly #rows: Float32Array;
  /** [L, numLogits]. */
  readonly #logits: Float32Array;
  /** Pieces that this side posted or took, modulo 2^32 as the counters. */
  #numPieces = 0;

  /** @param memory what the other side made; absent makes some */
  constructor(sizes: ChannelSizes, memory?: SharedArrayBuffer) {
    const slotWords = HEADER_WORDS + (TOKEN_WORDS + 1) * sizes.maxTokens + sizes.maxTableWords;
    const hiddenWords = sizes.hiddenSize * sizes.maxTokens;
    const rowWords = sizes.hiddenSize * sizes.maxLogitsRows;
    const logitsWords = sizes.numLogits * sizes.maxLogitsRows;
    const ringWords = NUM_SLOTS * (slotWords + hiddenWords);
    const numWords = CONTROL_WORDS + ringWords + rowWords + logitsWords;
    this.#sizes = sizes;
    this.memory = memory ?? new SharedArrayBuffer(4 * numWords);
    this.#control = new Int32Array(this.memory, 0, CONTROL_WORDS);
    this.#slots = Array.from({ length: NUM_SLOTS }, (_, slot) => {
      const first = CONTROL_WORDS + slot * (slotWords + hiddenWords);
      return {
        words: new Uint32Array(this.memory, 4 * first, slotWords),
        hidden: new Float32Array(this.memory, 4 * (first + slotWords), hiddenWords),
      };
    });
    this.#rows = new Float32Array(this.memory, 4 * (CONTROL_WORDS + ringWords), rowWords);
    this.#logits = new Float32Array(this.memory, 4 * (numWords - logitsWords), logitsWords);
  }

  /** Whether {@linkcode post} has room. */
  get hasRoom(): boolean {
    return this.#numUnfinished < NUM_SLOTS;
  }

  /** Whether everything that was posted is finished. */
  get isDrained(): boolean {
    return this.#numUnfinished === 0;
  }

  get #numUnfinished(): number {
    return (Atomics.load(this.#control, POSTED) - Atomics.load(this.#control, FINISHED)) | 0;
  }

  /**
   * Appends a piece to the ring.
   *
   * @returns whether the other side has gone back to its messages, and needs one to wake up
   */
  post({ batch, hidden, firstLogitsRow }: Piece): boolean {
    const { tokens, logitsRows, blockTables } = batch;
    const slot = this.#slots[this.#numPieces % NUM_SLOTS]!;
    const { numTokens, numLogits } = batch.shape;
    slot.words.set([numTokens, numLogits, blockTables.length, firstLogitsRow]);
    slot.words.set(tokens, HEADER_WORDS);
    slot.words.set(logitsRows, HEADER_WORDS + tokens.length);
    slot.words.set(blockTables, HEADER_WORDS + tokens.length + logitsRows.length);
    slot.hidden.set(hidden);
    this.#numPieces++;
    Atomics.add(this.#control, POSTED, 1);
    Atomics.notify(this.#control, POSTED);
    return Atomics.compareExchange(this.#control, PARKED, 1, 0) === 1;
  }

  /** Rows of the step that have come back. */
  get numReturned(): number {
    return Atomics.load(this.#control, RETURNED);
  }

  /** Changes whenever the other side has something to tell. */
  get news(): number {
    return Atomics.load(this.#control, NEWS);
  }

  /** Blocks until the news are others than these, or until the time is over. */
  waitForNews(news: number, timeoutMs: number): void {
    Atomics.wait(this.#control, NEWS, news, timeoutMs);
  }

  /** Rows of the residual stream that came back, [end - first, D] f32, as a copy. */
  readRows(first: number, end: number): Float32Array<ArrayBuffer> {
    const { hiddenSize } = this.#sizes;
    return new Float32Array(this.#rows.subarray(first * hiddenSize, end * hiddenSize));
  }

  /** Row `row` of the step's logits, [numLogits] f32, in shared memory; everything must have been finished. */
  logitsRow(row: number): Float32Array {
    const { numLogits } = this.#sizes;
    return this.#logits.subarray(row * numLogits, (row + 1) * numLogits);
  }

  /** All logits of the step were read. */
  endStep(): void {
    Atomics.store(this.#control, RETURNED, 0);
  }

  /** The next piece, as a copy; null when none was posted. */
  take(): Piece | null {
    if (this.#isEmpty) return null;
    const { words, hidden } = this.#slots[this.#numPieces++ % NUM_SLOTS]!;
    const [numTokens, numLogits, numTableWords, firstLogitsRow] = words;
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
      firstLogitsRow: firstLogitsRow!,
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

  /** Gives back those rows of a piece that want logits. @param rows [T, D] f32 behind the last layer */
  returnRows({ batch: { logitsRows }, firstLogitsRow }: Piece, rows: Float32Array): void {
    const { hiddenSize } = this.#sizes;
    logitsRows.forEach((token, i) => {
      const row = rows.subarray(token * hiddenSize, (token + 1) * hiddenSize);
      this.#rows.set(row, (firstLogitsRow + i) * hiddenSize);
    });
    Atomics.add(this.#control, RETURNED, logitsRows.length);
    this.rouse();
  }

  /** The piece that was taken last is done, with its logits. */
  finish({ firstLogitsRow }: Piece, logits: Float32Array): void {
    this.#logits.set(logits, firstLogitsRow * this.#sizes.numLogits);
    Atomics.add(this.#control, FINISHED, 1);
    this.rouse();
  }

  /** Ends the wait of the other side: something has happened. */
  rouse(): void {
    Atomics.add(this.#control, NEWS, 1);
    Atomics.notify(this.#control, NEWS);
  }
}
