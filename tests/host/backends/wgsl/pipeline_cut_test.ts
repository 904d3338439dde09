import assert from "node:assert/strict";
import {
  choosePieceTokens,
  cutModel,
  MAX_PIECE_TOKENS,
} from "../../../../engine/backends/wgsl/pipeline_cut.ts";
import type { DecoderConfig } from "../../../../engine/models/mod.ts";

function config(numHiddenLayers: number): DecoderConfig {
  return { numHiddenLayers } as DecoderConfig;
}

Deno.test("cutModel() gives each stage half of the layers", () => {
  assert.deepEqual(cutModel(config(5), 2), [{ first: 0, end: 3 }, { first: 3, end: 5 }]);
});

Deno.test("cutModel() leaves a single layer whole", () => {
  assert.deepEqual(cutModel(config(1), 2), [{ first: 0, end: 1 }]);
});

Deno.test("choosePieceTokens() cuts no step into more than a stage holds", () => {
  for (let numTokens = 1; numTokens <= 512; numTokens++) {
    for (const hasOther of [false, true]) {
      const size = choosePieceTokens(numTokens, hasOther);
      assert.ok(size >= 1 && size <= MAX_PIECE_TOKENS, `${size} of ${numTokens}`);
    }
  }
});

Deno.test("choosePieceTokens() cuts a small step that is alone in two, and none beside another", () => {
  const choose = (hasOther: boolean) =>
    [1, 4, 5, 8, 16, 64, 127, 128].map((numTokens) => choosePieceTokens(numTokens, hasOther));
  assert.deepEqual(choose(false), [1, 4, 3, 4, 8, 16, 16, 32]);
  assert.deepEqual(choose(true), [1, 4, 8, 8, 8, 16, 16, 32]);
});
