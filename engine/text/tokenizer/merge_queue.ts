/** Merges waiting to be made: a binary heap of places, the lowest rank first and, of equal ranks, the leftmost. */
export class MergeQueue {
  /** Keys are rank · 2²⁶ + place, exact in a double: ranks stay below 2²⁷. */
  readonly #keys: number[] = [];

  /** Adds a merge. */
  push(rank: number, place: number): void {
    const keys = this.#keys;
    const key = rank * PLACES + place;
    let at = keys.push(key) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** Takes the next merge, or null. */
  pop(): { rank: number; place: number } | null {
    const keys = this.#keys;
    const top = keys[0];
    if (top === undefined) return null;
    const last = keys.pop()!;
    if (keys.length > 0) this.#sink(last);
    return { rank: Math.floor(top / PLACES), place: top % PLACES };
  }

  /** Puts a key where the first one was taken. */
  #sink(key: number): void {
    const keys = this.#keys;
    let at = 0;
    for (let child = 1; child < keys.length; child = 2 * at + 1) {
      if (child + 1 < keys.length && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = key;
  }
}

const PLACES = 2 ** 26;
