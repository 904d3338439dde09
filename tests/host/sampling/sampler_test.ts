import assert from "node:assert/strict";
import { EngineError } from "../../../engine/errors.ts";
import { createSampler, resolveSampling, type Sampler } from "../../../engine/sampling/mod.ts";
import type { SamplingParams } from "../../../engine/types.ts";

function samplerOf(params: SamplingParams, promptTokens: number[] = []): Sampler {
  return createSampler(resolveSampling({ seed: 1, ...params }, {}), promptTokens);
}

/** Tokens chosen from the same logits again and again. */
function sampleMany(sampler: Sampler, logits: number[], count: number): number[] {
  return Array.from({ length: count }, () => sampler.sample(Float32Array.from(logits)).token);
}

function distinct(tokens: number[]): number[] {
  return [...new Set(tokens)].sort((a, b) => a - b);
}

Deno.test("Sampler.sample() is greedy at temperature 0", () => {
  assert.deepEqual(sampleMany(samplerOf({}), [0.5, 2, -1, 1.5], 3), [1, 1, 1]);
});

Deno.test("Sampler.sample() takes the lowest index among equal logits", () => {
  assert.deepEqual(sampleMany(samplerOf({}), [1, 3, 3, 3], 1), [1]);
});

Deno.test("Sampler.isGreedy is true where the largest logit is all that counts", () => {
  for (const params of [{}, { temperature: 2, topK: 1 }, { topP: 0.5, seed: 3, minP: 0.1 }]) {
    assert.equal(samplerOf(params).isGreedy, true, JSON.stringify(params));
  }
  const others: SamplingParams[] = [
    { temperature: 0.1 },
    { temperature: 1, topK: 2 },
    { logprobs: 0 },
    { temperature: 1, topK: 1, logprobs: 2 },
    { logitBias: { 1: 1 } },
    { repetitionPenalty: 1.2 },
    { presencePenalty: 0.1 },
    { frequencyPenalty: 0.1 },
  ];
  for (const params of others) {
    assert.equal(samplerOf(params).isGreedy, false, JSON.stringify(params));
  }
});

Deno.test("Sampler.sample() with top-k 1 is greedy at any temperature", () => {
  const sampler = samplerOf({ temperature: 3, topK: 1 });
  assert.deepEqual(sampleMany(sampler, [0, 2, 1, 2, 1.999], 20), new Array(20).fill(1));
});

Deno.test("Sampler.sample() never chooses a masked token", () => {
  const logits = [-Infinity, 0, -Infinity, 0];
  assert.deepEqual(distinct(sampleMany(samplerOf({ temperature: 5 }), logits, 200)), [1, 3]);
  assert.deepEqual(
    distinct(sampleMany(samplerOf({ temperature: 5, topK: 4 }), logits, 200)),
    [1, 3],
  );
  assert.deepEqual(
    distinct(sampleMany(samplerOf({ temperature: 5, topP: 0.999 }), logits, 200)),
    [1, 3],
  );
});

for (
  const [name, logits] of [
    ["NaN at the start", [NaN, 1]],
    ["NaN behind the best", [3, 1, NaN]],
    ["+Infinity", [0, Infinity]],
    ["all masked", [-Infinity, -Infinity]],
  ] as const
) {
  Deno.test(`Sampler.sample() refuses logits with ${name}`, () => {
    for (const temperature of [0, 1]) {
      assert.throws(
        () => samplerOf({ temperature }).sample(Float32Array.from(logits)),
        (error) => error instanceof EngineError && error.code === "engine_failed",
      );
    }
  });
}

Deno.test("Sampler.sample() adds the logit bias first", () => {
  assert.deepEqual(sampleMany(samplerOf({ logitBias: { 2: 5 } }), [1, 2, 0], 1), [2]);
  assert.deepEqual(sampleMany(samplerOf({ logitBias: { 1: -100 } }), [1, 2, 0], 1), [0]);
});

Deno.test("Sampler.sample() ignores a bias for an id beyond the vocabulary", () => {
  assert.deepEqual(sampleMany(samplerOf({ logitBias: { 9: 100 } }), [1, 2, 0], 1), [1]);
});

Deno.test("Sampler.sample() divides positive and multiplies negative logits by the repetition penalty", () => {
  const sampler = samplerOf({ repetitionPenalty: 2, logprobs: 3 }, [0, 1, 1]);
  const logits = Float32Array.of(4, -1, 1.5);
  const first = sampler.sample(logits);
  assert.deepEqual([...logits], [2, -2, 1.5]); // prompt tokens count once each
  assert.equal(first.token, 0);
});

Deno.test("Sampler.sample() counts its own tokens for the repetition penalty", () => {
  const sampler = samplerOf({ repetitionPenalty: 2 });
  assert.deepEqual(sampleMany(sampler, [4, 3], 3), [0, 1, 0]); // [4,3] → [2,3] → [2,1.5]
});

Deno.test("Sampler.sample() subtracts the presence penalty once and the frequency penalty each time", () => {
  const presence = samplerOf({ presencePenalty: 1 });
  assert.deepEqual(sampleMany(presence, [2, 1.5, 0], 4), [0, 1, 0, 0]);
  const frequency = samplerOf({ frequencyPenalty: 1 });
  assert.deepEqual(sampleMany(frequency, [2, 1.5, 0], 5), [0, 1, 0, 1, 0]);
});

Deno.test("Sampler.sample() does not count the prompt for presence and frequency", () => {
  assert.deepEqual(
    sampleMany(samplerOf({ presencePenalty: 2, frequencyPenalty: 2 }, [0, 0, 0]), [2, 1], 1),
    [0],
  );
});

Deno.test("Sampler.sample() keeps the k most likely tokens", () => {
  const logits = [0, 3, 1, 2.5, -1];
  const tokens = sampleMany(samplerOf({ temperature: 10, topK: 2 }), logits, 300);
  assert.deepEqual(distinct(tokens), [1, 3]);
});

Deno.test("Sampler.sample() keeps the lower ids where equal logits meet the edge of top-k", () => {
  const tokens = sampleMany(samplerOf({ temperature: 1, topK: 2 }), [1, 1, 1, 1], 200);
  assert.deepEqual(distinct(tokens), [0, 1]);
});

Deno.test("Sampler.sample() keeps the smallest set that reaches top-p", () => {
  // probabilities 0.5, 0.3, 0.15, 0.05
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const kept = (topP: number) =>
    distinct(sampleMany(samplerOf({ temperature: 1, topP }), logits, 2000));
  assert.deepEqual(kept(0.01), [0]);
  assert.deepEqual(kept(0.49), [0]);
  assert.deepEqual(kept(0.51), [0, 1]);
  assert.deepEqual(kept(0.81), [0, 1, 2]);
  assert.deepEqual(kept(0.96), [0, 1, 2, 3]);
});

Deno.test("Sampler.sample() applies top-p to what top-k left", () => {
  // After top-k 2 the probabilities are 0.625 and 0.375: 0.6 keeps one, 0.63 both.
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const kept = (topP: number) =>
    distinct(sampleMany(samplerOf({ temperature: 1, topK: 2, topP }), logits, 500));
  assert.deepEqual(kept(0.6), [0]);
  assert.deepEqual(kept(0.63), [0, 1]);
});

Deno.test("Sampler.sample() drops tokens below min-p of the best one", () => {
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const kept = (minP: number) =>
    distinct(sampleMany(samplerOf({ temperature: 1, minP }), logits, 2000));
  assert.deepEqual(kept(1), [0]);
  assert.deepEqual(kept(0.59), [0, 1]);
  assert.deepEqual(kept(0.29), [0, 1, 2]);
  assert.deepEqual(kept(0.09), [0, 1, 2, 3]);
});

Deno.test("Sampler.sample() scales by the temperature before it truncates", () => {
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const kept = (temperature: number) =>
    distinct(sampleMany(samplerOf({ temperature, topP: 0.6 }), logits, 500));
  assert.deepEqual(kept(0.5), [0]); // squares: 0.68, 0.25, 0.06, 0.01
  assert.deepEqual(kept(1), [0, 1]);
  assert.deepEqual(kept(100), [0, 1, 2]); // nearly a quarter each
});

Deno.test("Sampler.sample() gives the same tokens for the same seed", () => {
  const logits = Array.from({ length: 50 }, (_, id) => Math.sin(id));
  const tokens = (seed: number) => sampleMany(samplerOf({ temperature: 1, seed }), logits, 40);
  for (const seed of [0, 1, -1, 42, -42, 2 ** 32, 2 ** 40 + 1, Number.MIN_SAFE_INTEGER]) {
    assert.deepEqual(tokens(seed), tokens(seed), `seed ${seed}`);
  }
  const all = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 33].map((seed) => tokens(seed).join());
  assert.equal(new Set(all).size, all.length, "close seeds give different tokens");
});

// The numbers are those of a second implementation of SplitMix32 and xoshiro128**.
Deno.test("Sampler.sample() pins the tokens of seed 42", () => {
  const logits = Array.from({ length: 10 }, () => 0);
  assert.deepEqual(
    sampleMany(samplerOf({ temperature: 1, seed: 42 }), logits, 12),
    [1, 0, 5, 7, 5, 2, 8, 3, 4, 6, 8, 4],
  );
});

Deno.test("Sampler.sample() takes a random seed when none is given", () => {
  const logits = Array.from({ length: 1000 }, () => 0);
  const tokens = () =>
    sampleMany(createSampler(resolveSampling({ temperature: 1 }, {}), []), logits, 8).join();
  assert.notEqual(tokens(), tokens());
});

Deno.test("Sampler.sample() reports no log-probability unless it is asked for", () => {
  assert.equal(samplerOf({}).sample(Float32Array.of(1, 2)).logprob, null);
});

Deno.test("Sampler.sample() reports log-probabilities before temperature and truncation", () => {
  const logits = Float32Array.from([0.5, 0.3, 0.15, 0.05].map(Math.log));
  const { token, logprob } = samplerOf({ temperature: 0.1, topK: 1, logprobs: 3 }).sample(logits);
  assert.equal(token, 0);
  assert.ok(logprob !== null);
  const rounded = (value: number) => Math.round(Math.exp(value) * 1e6) / 1e6;
  assert.equal(rounded(logprob.logprob), 0.5);
  assert.deepEqual(
    logprob.alternatives.map(({ id, logprob }) => [id, rounded(logprob)]),
    [[0, 0.5], [1, 0.3], [2, 0.15]],
  );
});

Deno.test("Sampler.sample() reports log-probabilities after bias and penalties", () => {
  const sampler = samplerOf({ logitBias: { 1: Math.log(3) }, logprobs: 0 });
  const { token, logprob } = sampler.sample(Float32Array.of(0, 0));
  assert.equal(token, 1);
  assert.ok(Math.abs(Math.exp(logprob!.logprob) - 0.75) < 1e-6); // f32 logits
  assert.deepEqual(logprob!.alternatives, []);
});

Deno.test("Sampler.sample() orders equal alternatives by id and stops at the vocabulary", () => {
  const { logprob } = samplerOf({ logprobs: 20 }).sample(Float32Array.of(1, 2, 1, 2));
  assert.deepEqual(logprob!.alternatives.map(({ id }) => id), [1, 3, 0, 2]);
});
