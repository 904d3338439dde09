/**
 * Fast noise for weights: the same seed gives the same bytes.
 *
 * @module
 */

/** Whole words from xorshift32. */
export function createRandom(seed: number): () => number {
  let state = (seed * 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/**
 * Eight 4-bit codes a word. Code 15 does not occur in real packages: a nibble of four ones becomes 7, the code of zero.
 *
 * @returns [numWords] u32, as bytes
 */
export function randomCodes(random: () => number, numWords: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(numWords);
  for (let i = 0; i < numWords; i++) {
    const word = random();
    words[i] = word ^ ((word & (word >>> 1) & (word >>> 2) & (word >>> 3) & 0x11111111) << 3);
  }
  return new Uint8Array(words.buffer);
}
