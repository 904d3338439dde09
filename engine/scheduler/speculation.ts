/**
 * Drafts tokens behind those that a step computes anyway. Whoever samples then takes as many of them as were right, at the price
 * of one step; the text stays the same. Never sees text, logits or a device.
 *
 * @module
 */
import { DecodeTimes, GuessRates } from "./draft_odds.ts";
import { PromptLookup } from "./prompt_lookup.ts";
import type { ScheduledSequence, Scheduler } from "./scheduler.ts";
import { isDecoding, type Sequence } from "./sequence.ts";

/** `auto` drafts where it pays, `always` wherever it can, for tests. */
export type SpeculationMode = "auto" | "always" | "off";

/** Drafts of one sequence: with the token before them they fill a tile of eight. */
const MAX_DRAFTS = 7;

/** A step must get so much more done in its time: what is measured sways. */
const MIN_GAIN = 1.1;

const NO_DRAFTS: readonly number[] = [];

/** Bounds of a {@linkcode Speculation}. */
export interface SpeculationOptions {
  readonly mode: SpeculationMode;
  /** Tokens of one step. */
  readonly maxStepTokens: number;
  /** Logits rows of one step. */
  readonly maxLogitsRows: number;
}

/** A sequence that may have drafts. */
interface Watched {
  readonly lookup: PromptLookup;
  /** Tokens that it may have in the end. */
  readonly maxLength: number;
}

/** Decides which sequences of a plan get drafts, and how many. */
export class Speculation {
  readonly #scheduler: Scheduler;
  readonly #options: SpeculationOptions;
  /** By the sequence's id. */
  readonly #watched = new Map<number, Watched>();
  readonly #rates = new GuessRates();
  readonly #times = new DecodeTimes();
  #numDrafted = 0;

  constructor(scheduler: Scheduler, options: SpeculationOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
  }

  /** Tokens drafted so far. */
  get numDrafted(): number {
    return this.#numDrafted;
  }

  /** How long a step that decodes so many sequences takes without drafts, in ms; null before the first. */
  plainMs(numSequences: number): number | null {
    return this.#times.plainMs(numSequences);
  }

  /** Lets a sequence have drafts. @param maxLength tokens that it may have in the end */
  watch({ id, tokens }: Sequence, maxLength: number): void {
    if (this.#options.mode === "off") return;
    this.#watched.set(id, { lookup: new PromptLookup(tokens, maxLength), maxLength });
  }

  /** A sequence has ended. */
  forget({ id }: Sequence): void {
    this.#watched.delete(id);
  }

  /**
   * Drafts for a plan, with blocks to hold them; none while a prompt waits.
   *
   * @returns the drafts behind each share of the plan, in its order
   */
  draft(plan: readonly ScheduledSequence[]): readonly (readonly number[])[] {
    const drafts = new Array<readonly number[]>(plan.length).fill(NO_DRAFTS);
    if (this.#watched.size === 0) return drafts;
    for (const { sequence } of plan) this.#read(sequence);
    const { numWaiting, isPrefilling } = this.#scheduler;
    if (numWaiting > 0 || isPrefilling) return drafts;
    const odds = this.#computeOdds(plan);
    const counts = new Array<number>(plan.length).fill(0);
    for (const { place } of odds.slice(0, this.#chooseCount(plan.length, odds))) counts[place]!++;
    for (const [place, count] of counts.entries()) {
      if (count > 0) drafts[place] = this.#propose(plan[place]!.sequence, count);
    }
    return drafts;
  }

  /** Records how long the forward pass of a plan with its drafts took; before its tokens are committed. */
  recordStep(
    plan: readonly ScheduledSequence[],
    drafts: readonly (readonly number[])[],
    ms: number,
  ): void {
    const numDrafts = drafts.reduce((sum, { length }) => sum + length, 0);
    this.#numDrafted += numDrafts;
    if (plan.every(({ sequence }) => isDecoding(sequence))) {
      this.#times.record(plan.length + numDrafts, ms);
    }
  }

  #read(sequence: Sequence): void {
    if (sequence.numPending > 1) return; // its prompt is not over yet
    this.#watched.get(sequence.id)?.lookup.read(
      sequence.numPromptTokens,
      (matchLength, wasRight) => this.#rates.record(matchLength, wasRight),
    );
  }

  /** The likelihood that a draft is taken, of every draft that could be made, most likely first. */
  #computeOdds(plan: readonly ScheduledSequence[]): { place: number; odds: number }[] {
    const all: { place: number; odds: number }[] = [];
    for (const [place, { sequence }] of plan.entries()) {
      const watched = this.#watched.get(sequence.id);
      if (!watched || watched.lookup.matchLength === 0) continue;
      const { lookup: { matchLength }, maxLength } = watched;
      // One token comes behind the last draft.
      const count = Math.min(MAX_DRAFTS, maxLength - sequence.tokens.length - 1);
      for (let i = 0, odds = 1; i < count; i++) {
        odds *= this.#rates.rate(matchLength + i); // it is taken only behind the ones before it
        all.push({ place, odds });
      }
    }
    return all.sort((a, b) => b.odds - a.odds);
  }

  /** How many of the likeliest drafts make the most tokens in a given time. */
  #chooseCount(numPlain: number, drafts: readonly { odds: number }[]): number {
    const { mode, maxStepTokens, maxLogitsRows } = this.#options;
    const max = Math.min(drafts.length, Math.min(maxStepTokens, maxLogitsRows) - numPlain);
    if (mode === "always" || max <= 0) return Math.max(0, max);
    const plainMs = this.#times.plainMs(numPlain);
    if (plainMs === null) return 0;
    let best = { count: 0, rate: MIN_GAIN * numPlain / plainMs };
    let numTokens = numPlain; // that the step is expected to make
    for (let count = 1; count <= max; count++) {
      numTokens += drafts[count - 1]!.odds;
      const rate = numTokens / this.#times.draftMs(numPlain + count, numPlain);
      if (rate > best.rate) best = { count, rate };
    }
    return best.count;
  }

  /** Takes free blocks for the drafts, never another sequence's; as many drafts as they hold. */
  #propose(sequence: Sequence, wanted: number): readonly number[] {
    let count = wanted;
    while (count > 0 && !this.#scheduler.extend(sequence, 1 + count)) count--;
    return this.#watched.get(sequence.id)!.lookup.propose(count);
  }
}
