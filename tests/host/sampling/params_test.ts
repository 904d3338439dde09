import assert from "node:assert/strict";
import { InvalidRequestError } from "../../../engine/errors.ts";
import { modelDefaultSampling, resolveSampling } from "../../../engine/sampling/mod.ts";
import type { SamplingParams } from "../../../engine/types.ts";

Deno.test("resolveSampling() is greedy and changes nothing by default", () => {
  assert.deepEqual(resolveSampling({}, {}), {
    temperature: 0,
    topK: null,
    topP: null,
    minP: null,
    presencePenalty: 0,
    frequencyPenalty: 0,
    repetitionPenalty: 1,
    seed: null,
    logitBias: new Map(),
    logprobs: null,
  });
});

Deno.test("resolveSampling() lays the request over the model's defaults", () => {
  const resolved = resolveSampling({ temperature: 0 }, { temperature: 0.7, topP: 0.9 });
  assert.equal(resolved.temperature, 0);
  assert.equal(resolved.topP, 0.9);
});

Deno.test("resolveSampling() takes an undefined field for an absent one", () => {
  const params = { temperature: undefined } as unknown as SamplingParams;
  assert.equal(resolveSampling(params, { temperature: 0.7 }).temperature, 0.7);
});

Deno.test("resolveSampling() accepts both ends of every range", () => {
  for (
    const params of [
      { temperature: 0, topK: 1, topP: 1, minP: 0, logprobs: 0, seed: Number.MIN_SAFE_INTEGER },
      { temperature: 100, topP: Number.MIN_VALUE, minP: 1, logprobs: 20 },
      { presencePenalty: -2, frequencyPenalty: 2, repetitionPenalty: 1e-9, seed: 2 ** 53 - 1 },
      { logitBias: { 0: -100, 7: 100 } },
    ]
  ) {
    const { logitBias, ...others } = params as SamplingParams;
    const resolved = resolveSampling(params, {});
    assert.deepEqual({ ...resolved, ...others }, resolved);
    if (logitBias) assert.deepEqual(resolved.logitBias, new Map([[0, -100], [7, 100]]));
  }
});

const OUT_OF_RANGE: [SamplingParams, string, RegExp][] = [
  [{ temperature: -0.1 }, "temperature", /temperature is -0\.1; allowed is a number from 0 to 100/],
  [{ temperature: NaN }, "temperature", /temperature is NaN; /],
  [{ temperature: Infinity }, "temperature", /temperature is Infinity; /],
  [{ topK: 0 }, "topK", /topK is 0; allowed is a whole number from 1 to /],
  [{ topK: 1.5 }, "topK", /topK is 1\.5; /],
  [{ topP: 0 }, "topP", /topP is 0; allowed is a number above 0 to 1/],
  [{ topP: 1.01 }, "topP", /topP is 1\.01; /],
  [{ minP: -1 }, "minP", /minP is -1; allowed is a number from 0 to 1/],
  [{ minP: 2 }, "minP", /minP is 2; /],
  [{ presencePenalty: 2.5 }, "presencePenalty", /allowed is a number from -2 to 2/],
  [{ frequencyPenalty: -3 }, "frequencyPenalty", /frequencyPenalty is -3; /],
  [{ repetitionPenalty: 0 }, "repetitionPenalty", /allowed is a number above 0 to 100/],
  [{ seed: 0.5 }, "seed", /seed is 0\.5; allowed is a whole number/],
  [{ seed: 2 ** 53 }, "seed", /seed is 9007199254740992; /],
  [{ logprobs: 21 }, "logprobs", /logprobs is 21; allowed is a whole number from 0 to 20/],
  [{ logitBias: { 3: 101 } }, "logitBias", /logitBias\[3\] is 101; allowed is a number from -100/],
  [{ logitBias: { 3: NaN } }, "logitBias", /logitBias\[3\] is NaN; /],
  [{ logitBias: { [-1]: 1 } }, "logitBias", /has the key "-1"; token ids are whole numbers/],
  [{ logitBias: { [1.5]: 1 } }, "logitBias", /has the key "1\.5"; /],
  [
    { logitBias: Object.fromEntries(Array.from({ length: 1025 }, (_, id) => [id, 1])) },
    "logitBias",
    /has 1025 entries; at most 1024 are allowed/,
  ],
];

for (const [params, param, message] of OUT_OF_RANGE) {
  Deno.test(`resolveSampling() refuses ${message.source}`, () => {
    assert.throws(() => resolveSampling(params, {}), (error) => {
      assert.ok(error instanceof InvalidRequestError);
      assert.equal(error.param, param);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("modelDefaultSampling() reads the published names", () => {
  assert.deepEqual(
    modelDefaultSampling({
      temperature: 0.6,
      top_p: 0.9,
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      repetition_penalty: 1.1,
      model_type: "llama",
    }),
    {
      temperature: 0.6,
      topP: 0.9,
      presencePenalty: 0.5,
      frequencyPenalty: -0.5,
      repetitionPenalty: 1.1,
    },
  );
});

Deno.test("modelDefaultSampling() leaves out what no request could have", () => {
  assert.deepEqual(
    modelDefaultSampling({ temperature: -1, top_p: 0, repetition_penalty: "1.1", seed: 3 }),
    {},
  );
});
