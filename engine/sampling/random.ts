/**
 * Seeded random numbers for the sampler: xoshiro128** with its state filled by SplitMix32.
 *
 * Chosen because it is a dozen 32-bit operations without BigInt, passes BigCrush, and is easy to write again elsewhere; the
 * same seed must give the same text on every machine.
 *
 * @see https://prng.di.unimi.it/xoshiro128starstar.c
 * @module
 */

/** Yields numbers in [0, 1). */
export type RandomSource = () => number;

/** A seed for a request that names none. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/**
 * Starts a sequence of uniform numbers with 53 random bits each.
 *
 * @param seed any safe integer; all its bits and its sign count
 */
export function createRandom(seed: number): RandomSource {
  const mix = splitMix32(seed);
  const state = new Uint32Array([mix(), mix(), mix(), mix()]);
  return () => {
    const high = nextUint32(state) >>> 5; // 27 bits
    const low = nextUint32(state) >>> 6; // 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
}

/** One step of xoshiro128**. */
function nextUint32(s: Uint32Array): number {
  const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
  const t = s[1]! << 9;
  s[2]! ^= s[0]!;
  s[3]! ^= s[1]!;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= t;
  s[3] = rotateLeft(s[3]!, 11);
  return result;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** Spreads a seed over any number of words; close seeds give unrelated words. Folds in the seed's upper half and sign. */
function splitMix32(seed: number): () => number {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  let state = (low ^ Math.imul(high, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}
