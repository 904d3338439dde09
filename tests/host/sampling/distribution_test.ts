/**
 * Sampled frequencies against an f64 softmax with plainly written truncation.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createSampler, resolveSampling } from "../../../engine/sampling/mod.ts";
import type { SamplingParams } from "../../../engine/types.ts";
import { createRandom } from "../../support/random.ts";

/** Probabilities by id: temperature → top-k → top-p → min-p, each by sorting everything. */
function referenceProbabilities(logits: Float32Array, params: SamplingParams): Float64Array {
  const { temperature = 1, topK = Infinity, topP = 1, minP = 0 } = params;
  const best = logits.reduce((a, b) => Math.max(a, b));
  const weights = Array.from(logits, (logit) => Math.exp((logit - best) / temperature));
  let ids = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
  ids = ids.slice(0, topK);
  const mass = ids.reduce((sum, id) => sum + weights[id]!, 0);
  let reached = 0;
  ids = ids.filter((id) => {
    const isNeeded = topP === 1 || reached < topP * mass;
    reached += weights[id]!;
    return isNeeded;
  });
  ids = ids.filter((id) => weights[id]! >= minP * weights[ids[0]!]!);
  const total = ids.reduce((sum, id) => sum + weights[id]!, 0);
  const probabilities = new Float64Array(logits.length);
  for (const id of ids) probabilities[id] = weights[id]! / total;
  return probabilities;
}

/**
 * Pearson's statistic in standard deviations from its mean, by the Wilson–Hilferty approximation. Cells with fewer than five
 * expected draws are joined.
 */
function chiSquareDeviation(counts: Float64Array, probabilities: Float64Array, n: number): number {
  let statistic = 0;
  let numCells = 0;
  let [restCount, restExpected] = [0, 0];
  for (let id = 0; id < counts.length; id++) {
    const expected = probabilities[id]! * n;
    if (expected < 5) {
      restCount += counts[id]!;
      restExpected += expected;
      continue;
    }
    statistic += (counts[id]! - expected) ** 2 / expected;
    numCells++;
  }
  if (restExpected >= 5) {
    statistic += (restCount - restExpected) ** 2 / restExpected;
    numCells++;
  }
  const freedom = numCells - 1;
  if (freedom < 1) return 0;
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(statistic / freedom) - (1 - spread)) / Math.sqrt(spread);
}

const CASES: { numTokens: number; params: SamplingParams }[] = [
  { numTokens: 2, params: { temperature: 1 } },
  { numTokens: 57, params: { temperature: 1 } },
  { numTokens: 57, params: { temperature: 0.3 } },
  { numTokens: 57, params: { temperature: 2.5 } },
  { numTokens: 57, params: { temperature: 1, topK: 7 } },
  { numTokens: 57, params: { temperature: 1, topP: 0.6 } },
  { numTokens: 57, params: { temperature: 1, minP: 0.2 } },
  { numTokens: 301, params: { temperature: 0.8, topK: 40, topP: 0.9 } },
  { numTokens: 301, params: { temperature: 1.3, topK: 100, topP: 0.95, minP: 0.05 } },
  { numTokens: 301, params: { temperature: 1.3, topP: 0.97, minP: 0.01 } },
];

const NUM_DRAWS = 20_000;

for (const [i, { numTokens, params }] of CASES.entries()) {
  Deno.test(`Sampler.sample() draws by softmax: ${numTokens} tokens, ${JSON.stringify(params)}`, () => {
    const seed = 1000 + i;
    const random = createRandom(seed);
    const logits = Float32Array.from({ length: numTokens }, () => 6 * (random() - 0.5));
    const probabilities = referenceProbabilities(logits, params);
    const sampler = createSampler(resolveSampling({ ...params, seed }, {}), []);
    const counts = new Float64Array(numTokens);
    for (let draw = 0; draw < NUM_DRAWS; draw++) counts[sampler.sample(logits).token]!++;
    for (let id = 0; id < numTokens; id++) {
      if (probabilities[id] === 0) assert.equal(counts[id], 0, `token ${id} is cut off`);
    }
    // 4 standard deviations: one run in 30,000 would fail by chance, and the seeds are fixed.
    const deviation = chiSquareDeviation(counts, probabilities, NUM_DRAWS);
    assert.ok(Math.abs(deviation) < 4, `seed ${seed}: ${deviation.toFixed(2)} deviations`);
  });
}

Deno.test("Sampler.sample() keeps exactly the reference's survivors for random parameters", () => {
  const seed = 77;
  const random = createRandom(seed);
  for (let round = 0; round < 300; round++) {
    const numTokens = 1 + Math.floor(random() * 40);
    // Quarters make equal logits frequent.
    const logits = Float32Array.from(
      { length: numTokens },
      () => Math.round(random() * 40) / 4,
    );
    const params: SamplingParams = {
      temperature: 0.05 + 3 * random(),
      ...(random() < 0.5 ? { topK: 1 + Math.floor(random() * 50) } : {}),
      ...(random() < 0.5 ? { topP: 0.05 + 0.94 * random() } : {}),
      ...(random() < 0.5 ? { minP: random() } : {}),
    };
    const probabilities = referenceProbabilities(logits, params);
    const sampler = createSampler(resolveSampling({ ...params, seed: round }, {}), []);
    for (let draw = 0; draw < 50; draw++) {
      const { token } = sampler.sample(logits);
      assert.ok(
        probabilities[token]! > 0,
        `seed ${seed}, round ${round}: token ${token}, ${JSON.stringify(params)}, [${logits}]`,
      );
    }
  }
});

Deno.test("Sampler.sample() finds the survivors of a vocabulary of 152,064 tokens", () => {
  const random = createRandom(5);
  const logits = Float32Array.from({ length: 152_064 }, () => 10 * random());
  for (const params of [{ topK: 50 }, { topP: 0.001 }, { minP: 0.9999 }]) {
    const probabilities = referenceProbabilities(logits, { temperature: 1, ...params });
    const sampler = createSampler(resolveSampling({ temperature: 1, seed: 5, ...params }, {}), []);
    for (let draw = 0; draw < 20; draw++) {
      assert.ok(probabilities[sampler.sample(logits).token]! > 0, JSON.stringify(params));
    }
  }
});
