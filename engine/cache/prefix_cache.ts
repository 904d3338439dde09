/**
 * Finds the block that already holds the keys and values of some tokens behind a known prefix. Compares the tokens
 * themselves, not a digest: one request must never see another's text through a collision.
 *
 * @module
 */

/** The entry before the first block. */
export const ROOT_ENTRY = 0;

/** A full block whose contents are known. */
export interface PrefixEntry {
  /** Stands for the whole prefix up to the end of this block; never used twice. */
  readonly id: number;
  readonly block: number;
}

/** Entries by what comes before them and the tokens in them. */
export class PrefixCache {
  readonly #entries = new Map<string, PrefixEntry>();
  readonly #keys = new Map<number, string>();
  #nextId = ROOT_ENTRY + 1;

  /** The block that holds `tokens` behind the prefix `parent`. */
  find(parent: number, tokens: readonly number[]): PrefixEntry | undefined {
    return this.#entries.get(keyOf(parent, tokens));
  }

  /** Remembers a block; where another one holds the same already, that one's entry is returned. */
  insert(parent: number, tokens: readonly number[], block: number): PrefixEntry {
    const key = keyOf(parent, tokens);
    const known = this.#entries.get(key);
    if (known) return known;
    const entry = { id: this.#nextId++, block };
    this.#entries.set(key, entry);
    this.#keys.set(block, key);
    return entry;
  }

  /** Forgets a block that is about to be overwritten. */
  forget(block: number): void {
    const key = this.#keys.get(block);
    if (key === undefined) return;
    this.#entries.delete(key);
    this.#keys.delete(block);
  }
}

function keyOf(parent: number, tokens: readonly number[]): string {
  return `${parent}:${tokens.join()}`;
}
