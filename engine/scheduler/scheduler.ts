/**
 * Decides what each step computes: some tokens of every running sequence. Never sees text, logits or a device.
 *
 * @module
 */
import { BlockPool } from "../cache/mod.ts";
import { QueueFullError } from "../errors.ts";
import { PrefillPace } from "./prefill_pace.ts";
import { isDecoding, Sequence } from "./sequence.ts";

/** A sequence's share of a step. */
export interface ScheduledSequence {
  readonly sequence: Sequence;
  /** Pending tokens to compute now. */
  readonly numTokens: number;
  /** Whether these are the last pending ones, so that the next token can be sampled. */
  readonly isLast: boolean;
}

/** Bounds of a {@linkcode Scheduler}. */
export interface SchedulerOptions {
  /** Tokens of one step. */
  readonly maxStepTokens: number;
  /** Sequences that run at once. */
  readonly maxSequences: number;
  /** Sequences that may wait. */
  readonly maxWaiting: number;
  readonly numBlocks: number;
  readonly blockSize: number;
  /** Whether a sequence may start on full blocks that another one computed. @default true */
  readonly canShareBlocks?: boolean;
}

/**
 * First come, first served. Every step gives each decoding sequence its one token first, then fills the budget with prefill
 * chunks in order of arrival; while streams decode, chunks stay as short as {@linkcode PrefillPace} says. When blocks run out,
 * the sequence that came last gives its own back and waits to be computed anew.
 *
 * One step is computed at a time. A sequence may end meanwhile: its blocks may go to others, which write to them in later steps.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #pool: BlockPool;
  /** By arrival. */
  readonly #waiting: Sequence[] = [];
  /** By arrival. */
  readonly #running: Sequence[] = [];
  readonly #pace = new PrefillPace();
  #nextId = 0;
  #numPreemptions = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#pool = new BlockPool(options.numBlocks, options.blockSize);
  }

  get numWaiting(): number {
    return this.#waiting.length;
  }

  get numRunning(): number {
    return this.#running.length;
  }

  /** Whether a running sequence has more of a prompt to compute. */
  get isPrefilling(): boolean {
    return this.#running.some(({ numPending }) => numPending > 1);
  }

  get numFreeBlocks(): number {
    return this.#pool.numFree;
  }

  /** Times a running sequence had to give its blocks back. */
  get numPreemptions(): number {
    return this.#numPreemptions;
  }

  /** Throws if one more sequence could not wait. */
  assertRoom(): void {
    const { maxWaiting } = this.#options;
    if (this.#waiting.length >= maxWaiting) throw new QueueFullError(maxWaiting);
  }

  /**
   * Appends a sequence to the waiting list.
   *
   * @throws {QueueFullError} the list is full
   */
  add(promptTokens: readonly number[]): Sequence {
    this.assertRoom();
    const sequence = new Sequence(this.#nextId++, promptTokens);
    this.#waiting.push(sequence);
    return sequence;
  }

  /** Takes a sequence out for good and frees its blocks. */
  finish(sequence: Sequence): void {
    if (sequence.status === "finished") return;
    remove(sequence.status === "running" ? this.#running : this.#waiting, sequence);
    this.#pool.release(sequence.table);
    sequence.status = "finished";
  }

  /** The next step's plan; empty when there is nothing to do. Its blocks are held already. */
  schedule(): ScheduledSequence[] {
    this.#admit();
    const plan: ScheduledSequence[] = [];
    let budget = this.#options.maxStepTokens;
    const give = (sequence: Sequence) => {
      if (sequence.status !== "running") return; // an earlier one preempted it
      const numTokens = Math.min(sequence.numPending, budget);
      if (numTokens === 0 || !this.#reserve(sequence, numTokens)) return;
      budget -= numTokens;
      plan.push({ sequence, numTokens, isLast: numTokens === sequence.numPending });
    };
    const active = this.#running.filter(({ numPending }) => numPending > 0);
    const decoding = active.filter(isDecoding);
    const prefilling = active.filter((sequence) => !isDecoding(sequence));
    decoding.forEach(give);
    if (decoding.length > 0 && prefilling.length > 0) {
      const crowd = { numDecoding: decoding.length, numPrefilling: prefilling.length };
      budget = Math.min(budget, this.#pace.maxPromptTokens(crowd));
    }
    prefilling.forEach(give);
    return plan.filter(({ sequence }) => sequence.status === "running");
  }

  /** Records how long the plan's forward pass took, so that prompts leave streams their pace; before its tokens are committed. */
  recordStep(plan: readonly ScheduledSequence[], ms: number): void {
    let numDecoding = 0;
    let numPromptTokens = 0;
    for (const { sequence, numTokens } of plan) {
      if (isDecoding(sequence)) numDecoding++;
      else numPromptTokens += numTokens;
    }
    this.#pace.record({ numDecoding, numPromptTokens, ms });
  }

  /** Records that `numTokens` pending tokens of a sequence were computed. */
  commit(sequence: Sequence, numTokens: number): void {
    sequence.numComputed += numTokens;
    if (this.#options.canShareBlocks === false) return;
    this.#pool.remember(sequence.table, sequence.tokens, sequence.numComputed);
  }

  /**
   * Gets blocks for `numTokens` tokens behind those that are computed, of which some may come to nothing: only from free ones,
   * and one is left for each running sequence. Takes nothing and returns false if there are too few.
   */
  extend({ table, numComputed }: Sequence, numTokens: number): boolean {
    const length = numComputed + numTokens;
    const numMissing = this.#pool.blocksFor(length) - table.blocks.length;
    if (numMissing <= 0) return true;
    return this.#pool.numFree >= numMissing + this.#running.length &&
      this.#pool.grow(table, length);
  }

  /** Moves waiting sequences to running while there is a place and blocks for all their tokens and the next. */
  #admit(): void {
    let numReserved = 0; // blocks that running sequences still need for what they have
    for (const sequence of this.#running) numReserved += this.#numMissingBlocks(sequence);
    while (this.#waiting.length > 0 && this.#running.length < this.#options.maxSequences) {
      const sequence = this.#waiting[0]!;
      sequence.numComputed = this.#pool.adopt(sequence.table, sequence.tokens);
      const numMissing = this.#numMissingBlocks(sequence);
      if (numReserved + numMissing > this.#pool.numFree && this.#running.length > 0) {
        this.#pool.release(sequence.table);
        sequence.numComputed = 0;
        return;
      }
      numReserved += numMissing;
      sequence.numCachedTokens ??= sequence.numComputed;
      this.#waiting.shift();
      sequence.status = "running";
      insertByArrival(this.#running, sequence);
    }
  }

  /** Blocks that a sequence lacks for its tokens and the next one. */
  #numMissingBlocks({ tokens, table }: Sequence): number {
    return Math.max(0, this.#pool.blocksFor(tokens.length + 1) - table.blocks.length);
  }

  /** Gets blocks for the next `numTokens`; preempts later sequences, at last this one itself. */
  #reserve(sequence: Sequence, numTokens: number): boolean {
    while (!this.#pool.grow(sequence.table, sequence.numComputed + numTokens)) {
      const last = this.#running.at(-1)!;
      this.#preempt(last);
      if (last === sequence) return false;
    }
    return true;
  }

  #preempt(sequence: Sequence): void {
    remove(this.#running, sequence);
    this.#pool.release(sequence.table);
    sequence.numComputed = 0;
    sequence.status = "waiting";
    insertByArrival(this.#waiting, sequence);
    this.#numPreemptions++;
  }
}

function remove(list: Sequence[], sequence: Sequence): void {
  list.splice(list.indexOf(sequence), 1);
}

function insertByArrival(list: Sequence[], sequence: Sequence): void {
  const at = list.findIndex((other) => other.id > sequence.id);
  list.splice(at === -1 ? list.length : at, 0, sequence);
}
