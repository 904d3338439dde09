import assert from "node:assert/strict";
import {
  choosePieceTokens,
  cutModel,
  MAX_PIECE_TOKENS,
} from "../../../../engine/backends/wgsl/pipeline_cut.ts";
import type { DecoderConfig } from "../../../../engine/models/mod.ts";

function config(numHiddenLayers: number, vocabSize: number): DecoderConfig {
  return { numHiddenLayers, vocabSize } as DecoderConfig;
}

Deno.test("cutModel() gives each stage half of the layers and whole tiles of the head", () => {
  assert.deepEqual(cutModel(config(5, 1001), 2), [
    { layers: { first: 0, end: 3 }, vocabulary: { first: 0, end: 512 } },
    { layers: { first: 3, end: 5 }, vocabulary: { first: 512, end: 1001 } },
  ]);
});

for (const [layers, vocabulary] of [[1, 1001], [5, 64]] as const) {
  Deno.test(`cutModel() leaves ${layers} layers and ${vocabulary} tokens whole`, () => {
    assert.equal(cutModel(config(layers, vocabulary), 2).length, 1);
  });
}

Deno.test("choosePieceTokens() cuts no step into more than a stage holds, and small ones in two", () => {
  for (let numTokens = 1; numTokens <= 512; numTokens++) {
    const size = choosePieceTokens(numTokens);
    assert.ok(size >= 1 && size <= MAX_PIECE_TOKENS, `${size} of ${numTokens}`);
  }
  assert.deepEqual([1, 4, 5, 8, 16, 128].map(choosePieceTokens), [1, 4, 3, 4, 8, 16]);
});
