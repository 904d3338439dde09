/**
 * Draws a token from the softmax of its logits, with truncation: temperature → top-k → top-p → min-p.
 *
 * A vocabulary has up to 262,208 entries and is never sorted: a histogram of the distances to the best logit tells which tokens
 * can survive, and only those are sorted.
 *
 * @module
 */
import { expNegative } from "./exp.ts";
import type { RandomSource } from "./random.ts";
import type { ResolvedSampling } from "./params.ts";

/** Nats below the best logit that one bucket covers. */
const BUCKET_WIDTH = 1 / 16;
/** 32 nats in all (e^-32 ≈ 1e-14); the last bucket takes everything beyond. */
const NUM_BUCKETS = 512;

/** Tokens whose weights are added up for themselves, where none is left out. */
const CHUNK_SIZE = 1024;

/** Tokens that may be chosen, most likely first, equal ones by id. */
interface Candidates {
  ids: number[];
  /** exp of the scaled distance to the best logit: the best has 1. */
  weights: number[];
}

/**
 * Chooses one token at random.
 *
 * @param logits [V] f32 after the logits processors, none NaN, at least one finite
 * @param best the largest logit
 */
export function drawToken(
  logits: Float32Array,
  best: number,
  sampling: ResolvedSampling,
  random: RandomSource,
): number {
  const { temperature, topK, topP, minP } = sampling;
  const keepsAll = (topK === null || topK >= logits.length) &&
    (topP === null || topP === 1) && (minP === null || minP === 0);
  if (keepsAll) return drawFromAll(logits, best, temperature, random);
  const candidates = truncate(logits, best, sampling);
  return candidates.ids[drawIndex(candidates.weights, random)]!;
}

/** The sum of each chunk, then a walk over the chunks and in one of them to the drawn share of all. */
function drawFromAll(
  logits: Float32Array,
  best: number,
  temperature: number,
  random: RandomSource,
): number {
  const sums = new Float64Array(Math.ceil(logits.length / CHUNK_SIZE));
  let total = 0;
  let lastChunk = 0; // that has a chance
  for (let chunk = 0; chunk < sums.length; chunk++) {
    const end = Math.min(logits.length, (chunk + 1) * CHUNK_SIZE);
    let sum = 0;
    for (let id = chunk * CHUNK_SIZE; id < end; id++) {
      sum += weightOf(logits[id]!, best, temperature);
    }
    if (sum > 0) lastChunk = chunk;
    sums[chunk] = sum;
    total += sum;
  }
  let left = random() * total;
  let chunk = 0;
  while (chunk < lastChunk && left >= sums[chunk]!) left -= sums[chunk++]!;
  const end = Math.min(logits.length, (chunk + 1) * CHUNK_SIZE);
  let last = chunk * CHUNK_SIZE;
  for (let id = last; id < end; id++) {
    const weight = weightOf(logits[id]!, best, temperature);
    if (weight === 0) continue;
    last = id;
    left -= weight;
    if (left < 0) break;
  }
  return last; // where rounding left a rest, the last token that has a chance
}

function drawIndex(weights: readonly number[], random: RandomSource): number {
  let left = random() * sumFirst(weights, weights.length);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) break; // sorted: nothing with a chance follows
    last = i;
    left -= weights[i]!;
    if (left < 0) break;
  }
  return last;
}

/** Sorted survivors of top-k, then top-p of what is left, then min-p. */
function truncate(logits: Float32Array, best: number, sampling: ResolvedSampling): Candidates {
  const { temperature, topK, topP, minP } = sampling;
  const { lastBucket, totalMass } = findLastBucket(logits, best, sampling);
  const ids = selectBuckets(logits, best, temperature, lastBucket)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);
  const weights = ids.map((id) => weightOf(logits[id]!, best, temperature));
  let numKept = Math.min(ids.length, topK ?? Infinity);
  if (topP !== null && topP < 1) {
    // Without top-k the mass is the whole vocabulary's; with it, the survivors'.
    const mass = topK === null ? totalMass : sumFirst(weights, numKept);
    numKept = countUntil(weights, numKept, topP * mass);
  }
  if (minP !== null) {
    while (numKept > 1 && weights[numKept - 1]! < minP) numKept--;
  }
  return { ids: ids.slice(0, numKept), weights: weights.slice(0, numKept) };
}

/**
 * The bucket after which nothing can survive: enough buckets for top-k to have its count, for top-p to have its mass, and none
 * that lies wholly below min-p.
 *
 * @returns `totalMass`: sum of all weights, 0 where only counts are needed
 */
function findLastBucket(
  logits: Float32Array,
  best: number,
  sampling: ResolvedSampling,
): { lastBucket: number; totalMass: number } {
  const { temperature, topK, topP, minP } = sampling;
  const counts = new Float64Array(NUM_BUCKETS);
  const masses = new Float64Array(NUM_BUCKETS);
  const needsMass = topK === null && topP !== null && topP < 1;
  let totalMass = 0;
  for (let id = 0; id < logits.length; id++) {
    const bucket = bucketOf(logits[id]!, best, temperature);
    counts[bucket]!++;
    if (!needsMass) continue;
    const weight = weightOf(logits[id]!, best, temperature);
    masses[bucket]! += weight;
    totalMass += weight;
  }
  const minPBucket = minP === null || minP === 0
    ? NUM_BUCKETS - 1
    : Math.min(NUM_BUCKETS - 1, Math.floor(-Math.log(minP) / BUCKET_WIDTH) + 1); // + 1: rounding of ln
  let count = 0;
  let mass = 0;
  for (let bucket = 0; bucket < minPBucket; bucket++) {
    count += counts[bucket]!;
    mass += masses[bucket]!;
    if (topK !== null && count >= topK) return { lastBucket: bucket, totalMass };
    // The sums run in another order than the exact walk, so one bucket more than the mass needs.
    if (needsMass && mass >= topP * totalMass) return { lastBucket: bucket + 1, totalMass };
  }
  return { lastBucket: minPBucket, totalMass };
}

/** Ids up to a bucket, ascending. */
function selectBuckets(
  logits: Float32Array,
  best: number,
  temperature: number,
  lastBucket: number,
): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (bucketOf(logits[id]!, best, temperature) <= lastBucket) ids.push(id);
  }
  return ids;
}

function sumFirst(weights: readonly number[], count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += weights[i]!;
  return sum;
}

/** Length of the shortest prefix whose sum reaches `target`. */
function countUntil(weights: readonly number[], max: number, target: number): number {
  let sum = 0;
  for (let i = 0; i < max; i++) {
    sum += weights[i]!;
    if (sum >= target) return i + 1;
  }
  return max;
}

/** exp((logit − best) / temperature); 0 for a masked token. */
function weightOf(logit: number, best: number, temperature: number): number {
  return expNegative((logit - best) / temperature);
}

function bucketOf(logit: number, best: number, temperature: number): number {
  return Math.min(NUM_BUCKETS - 1, (best - logit) / temperature / BUCKET_WIDTH) | 0;
}
