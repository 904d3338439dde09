/**
 * Guesses how a sequence goes on from how it went on before: where its last tokens stand earlier in prompt or output, those
 * that followed there are likely to follow again. Constant work a token.
 *
 * @see https://github.com/apoorvumang/prompt-lookup-decoding
 * @module
 */

/** Tokens that must stand at both places; longer runs are looked for first. */
const NGRAM_SIZES = [4, 3, 2];
const MIN_NGRAM = 2;
const MAX_NGRAM = 4;

/** Longer agreement says nothing more. */
const MAX_MATCH = 32;

/** Slots a token, so that n-grams of the three sizes seldom share one. */
const SLOTS_A_TOKEN = 4;
/** 256 KiB: in longer sequences old n-grams give way to new ones. */
const MAX_SLOTS = 1 << 16;

/** Told what was expected and what came: how many tokens agreed before, and whether the next one did. */
export type OutcomeListener = (matchLength: number, wasRight: boolean) => void;

/** The places of a sequence's n-grams. */
export class PromptLookup {
  readonly #tokens: readonly number[];
  /** By hash of an n-gram: the position behind its last place, 0 where there is none. Others may have the same hash. */
  readonly #places: Int32Array;
  readonly #hashes = new Uint32Array(MAX_NGRAM + 1);
  /** Tokens that were looked at. */
  #numRead = 0;
  /** Position of the token that is expected to come again. */
  #source: number | null = null;
  #matchLength = 0;

  /**
   * @param tokens of the sequence, which may grow
   * @param maxLength tokens that it may grow to
   */
  constructor(tokens: readonly number[], maxLength: number) {
    this.#tokens = tokens;
    const numSlots = 2 ** Math.ceil(Math.log2(SLOTS_A_TOKEN * maxLength));
    this.#places = new Int32Array(Math.min(MAX_SLOTS, numSlots));
  }

  /** Tokens before the expected one that agree with the sequence's last ones, up to 32; 0 where nothing is expected. */
  get matchLength(): number {
    return this.#source === null ? 0 : this.#matchLength;
  }

  /**
   * Looks at the tokens that have come since the last time.
   *
   * @param numKnown tokens that nothing was expected of, those of the prompt
   */
  read(numKnown: number, onOutcome: OutcomeListener): void {
    for (; this.#numRead < this.#tokens.length; this.#numRead++) {
      const end = this.#numRead + 1;
      if (this.#source !== null) {
        const wasRight = this.#tokens[this.#source] === this.#tokens[this.#numRead];
        if (this.#numRead >= numKnown) onOutcome(this.#matchLength, wasRight);
        this.#follow(wasRight);
      }
      this.#hash(end);
      this.#source ?? this.#find(end);
      for (let size = MIN_NGRAM; size <= Math.min(end, MAX_NGRAM); size++) {
        this.#places[this.#hashes[size]!] = end;
      }
    }
  }

  /** The next `count` tokens as they are expected; none where nothing is. */
  propose(count: number): number[] {
    const proposal: number[] = [];
    if (this.#source === null) return proposal;
    for (let place = this.#source; proposal.length < count; place++) {
      // What repeats itself up to the end repeats the proposal too.
      const token = this.#tokens[place] ?? proposal[place - this.#tokens.length]!;
      proposal.push(token);
    }
    return proposal;
  }

  #follow(wasRight: boolean): void {
    if (wasRight) {
      this.#source!++;
      this.#matchLength = Math.min(MAX_MATCH, this.#matchLength + 1);
    } else this.#source = null;
  }

  /** Looks for the longest n-gram that ends before `end` and stands earlier too. */
  #find(end: number): void {
    for (const size of NGRAM_SIZES) {
      if (size > end) continue;
      const place = this.#places[this.#hashes[size]!]!;
      const matchLength = place === 0 ? 0 : this.#countEqual(place, end);
      if (matchLength < size) continue;
      this.#source = place;
      this.#matchLength = matchLength;
      return;
    }
  }

  /** Tokens before `a` that equal those before `b`, up to 32. */
  #countEqual(a: number, b: number): number {
    let count = 0;
    const max = Math.min(a, MAX_MATCH);
    while (count < max && this.#tokens[a - 1 - count] === this.#tokens[b - 1 - count]) count++;
    return count;
  }

  /** Slots of the n-grams that end before `end`, by their size. */
  #hash(end: number): void {
    let hash = 0;
    for (let size = 1; size <= Math.min(end, MAX_NGRAM); size++) {
      hash = Math.imul(hash ^ (this.#tokens[end - size]! + 1), 0x9e3779b1);
      hash ^= hash >>> 15;
      this.#hashes[size] = hash & (this.#places.length - 1);
    }
  }
}
