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
  const state = spreadSeed(seed);
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

/**
 * Four words of state from a seed by SplitMix32. Close seeds give unrelated words, and no two seeds give the same: the first
 * words tell the lower 32 bits apart, the last ones the upper half with the sign.
 */
function spreadSeed(seed: number): Uint32Array {
  let counter = seed >>> 0;
  const next = () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let z = counter;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const [first, second] = [next(), next()];
  counter ^= Math.floor(seed / 2 ** 32);
  return Uint32Array.of(first, second, next(), next());
}
