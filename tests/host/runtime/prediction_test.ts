import assert from "node:assert/strict";
import {
  type MeasuredModel,
  type PredictionRequest,
  predictRates,
} from "../../../engine/runtime/prediction.ts";

/** 1 ms fixed; 9 ms for 9 MB of weights and keys; 1 ms for the head; 62 ms for 32 tokens. */
const MEASURED: MeasuredModel = {
  model: "measured",
  quantization: "q4f16_1",
  weightBytes: 8_999_360,
  headBytes: 1_000_000,
  numLayerWeights: 16_000_000,
  kvTokenBytes: 10,
  fixedMs: 1,
  decodeMs: 10,
  decodeContext: 64,
  prefillMs: 64,
  prefillTokens: 32,
};

const ROOM = { contextLength: 4096, maxStepTokens: 128 };

function request(changes: Partial<PredictionRequest> = {}): PredictionRequest {
  return { ...MEASURED, ...ROOM, ...changes };
}

function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 1e-3, `${actual} is not about ${expected}`);
}

Deno.test("predictRates() gives a model its own measured rates", () => {
  const prediction = predictRates(request({ numPromptTokens: 64 }), [MEASURED])!;
  assertNear(prediction.decodeTokensPerSecond, 100);
  // One chunk: 1 ms fixed, 1 ms for the head, 62 / 32 ms a token.
  assertNear(prediction.timeToFirstTokenMs, 126);
  assertNear(prediction.prefillTokensPerSecond, 64_000 / 126);
  assert.equal(prediction.numPromptTokens, 64);
  assert.equal(prediction.basis, "Measured when the model was loaded here");
});

Deno.test("predictRates() scales by bytes in decode and by weights in prefill, not the fixed time", () => {
  const prediction = predictRates(
    request({
      weightBytes: 5 * MEASURED.weightBytes,
      headBytes: 3_000_000,
      numLayerWeights: 32_000_000,
      kvTokenBytes: 0,
    }),
    [MEASURED],
  )!;
  assertNear(prediction.decodeTokensPerSecond, 1000 / (1 + 5 * 8.99936));
  // Four chunks of 128: twice the weights a token, thrice the head.
  assertNear(prediction.timeToFirstTokenMs, 4 + 3 + 2 * 62 / 32 * 512);
  assert.equal(
    prediction.basis,
    'Scaled from "measured" (q4f16_1), measured on this adapter: a token reads 5 times as many bytes here',
  );
});

Deno.test("predictRates() counts keys and values behind a long prompt", () => {
  const decode = (numPromptTokens: number) =>
    predictRates(request({ kvTokenBytes: 1000, numPromptTokens }), [MEASURED])!
      .decodeTokensPerSecond;
  assertNear(1000 / decode(2000) - 1000 / decode(1000), 1);
});

Deno.test("predictRates() takes the same shapes first, then the quantization, then the nearest size", () => {
  const own = { ...MEASURED, model: "own" };
  const near = { ...MEASURED, model: "near", weightBytes: 2 * MEASURED.weightBytes };
  const far = { ...MEASURED, model: "far", weightBytes: 20 * MEASURED.weightBytes };
  const other = { ...MEASURED, model: "other", quantization: "q0f16" };
  const basis = (models: MeasuredModel[]) => predictRates(request(), models)!.basis;
  assert.match(basis([far, other, near, own]), /^Measured when the model/);
  assert.match(basis([other, far, near]), /^Scaled from "near".*2 times fewer bytes here$/);
  assert.match(basis([other, far]), /^Scaled from "far".*20 times fewer bytes here; rough until/);
  assert.match(basis([other]), /"other" \(q0f16\).*about as many bytes here; rough until/);
});

Deno.test("predictRates() predicts for a prompt that the model can see", () => {
  assert.equal(predictRates(request(), [MEASURED])!.numPromptTokens, 512);
  assert.equal(predictRates(request({ contextLength: 64 }), [MEASURED])!.numPromptTokens, 63);
});

Deno.test("predictRates() never takes weights for free", () => {
  const fixedAlone = { ...MEASURED, fixedMs: 10, prefillMs: 10 };
  const large = request({ weightBytes: 1000 * MEASURED.weightBytes });
  const { decodeTokensPerSecond } = predictRates(large, [fixedAlone])!;
  assert.ok(decodeTokensPerSecond < 1.1, `${decodeTokensPerSecond}`);
});

Deno.test("predictRates() says nothing without a measurement", () => {
  assert.equal(predictRates(request(), []), null);
});
