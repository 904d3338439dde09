/**
 * Finds stop sequences in text that arrives in pieces, in linear time (Knuth–Morris–Pratt for each stop sequence).
 *
 * The result does not depend on where the pieces are cut: the stop sequence that is complete first wins, the longest one among
 * those complete at the same character.
 *
 * @module
 */
import { InvalidRequestError } from "../errors.ts";

interface StopState {
  readonly text: string;
  /** The stop sequence by code points: a match never cuts a character. */
  readonly chars: readonly string[];
  /** For each matched length the length to fall back to. */
  readonly fallback: readonly number[];
  /** Characters matched so far. */
  numMatched: number;
}

/** Text that may be shown, and the stop sequence that ended it. */
export interface StopMatch {
  /** May be shown now. */
  text: string;
  /** The stop sequence that is complete; null while there is none. */
  stopSequence: string | null;
}

/** Holds back what may still become a stop sequence. */
export class StopMatcher {
  readonly #stops: StopState[];
  #held = "";

  /** @throws {InvalidRequestError} a stop sequence is empty */
  constructor(stops: readonly string[]) {
    this.#stops = [...new Set(stops)].map((text) => {
      if (text === "") {
        throw new InvalidRequestError(
          "stop",
          "A stop sequence is empty; give at least 1 character",
        );
      }
      const chars = Array.from(text);
      return { text, chars, fallback: computeFallback(chars), numMatched: 0 };
    });
  }

  /** Takes more text; once a stop sequence is reported, the sequence is over. */
  push(text: string): StopMatch {
    if (this.#stops.length === 0) return { text, stopSequence: null };
    for (const char of text) {
      this.#held += char;
      const stop = this.#advance(char);
      if (stop !== null) {
        const shown = this.#held.slice(0, this.#held.length - stop.length);
        this.#held = "";
        return { text: shown, stopSequence: stop };
      }
    }
    const numShown = this.#held.length - this.#countHeld();
    const shown = this.#held.slice(0, numShown);
    this.#held = this.#held.slice(numShown);
    return { text: shown, stopSequence: null };
  }

  /** What was held back, once nothing follows that belongs to it. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    for (const stop of this.#stops) stop.numMatched = 0;
    return rest;
  }

  /** Moves every automaton by one character; returns the longest stop sequence that is now complete. */
  #advance(char: string): string | null {
    let complete: string | null = null;
    for (const stop of this.#stops) {
      while (stop.numMatched > 0 && stop.chars[stop.numMatched] !== char) {
        stop.numMatched = stop.fallback[stop.numMatched - 1]!;
      }
      if (stop.chars[stop.numMatched] === char) stop.numMatched++;
      if (stop.numMatched === stop.chars.length && stop.text.length > (complete?.length ?? 0)) {
        complete = stop.text;
      }
    }
    return complete;
  }

  /** Code units at the end that begin some stop sequence. */
  #countHeld(): number {
    let numHeld = 0;
    for (const { chars, numMatched } of this.#stops) {
      let length = 0;
      for (let i = 0; i < numMatched; i++) length += chars[i]!.length;
      numHeld = Math.max(numHeld, length);
    }
    return numHeld;
  }
}

/** fallback[i] = length of the longest proper prefix of chars[0..i] that is also its suffix. */
function computeFallback(chars: readonly string[]): number[] {
  const fallback = [0];
  let length = 0;
  for (let i = 1; i < chars.length; i++) {
    while (length > 0 && chars[i] !== chars[length]) length = fallback[length - 1]!;
    if (chars[i] === chars[length]) length++;
    fallback.push(length);
  }
  return fallback;
}
