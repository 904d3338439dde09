import assert from "node:assert/strict";
import { countWeights, type TensorInfo } from "../../../engine/formats/mod.ts";

Deno.test("countWeights() counts eight codes in a word of a quantized tensor", () => {
  const tensors = new Map([
    ["a.q_weight", { shape: [2, 4], dtype: "u32" }],
    ["a.q_scale", { shape: [2, 1], dtype: "f16" }],
    ["b.weight", { shape: [3], dtype: "f32" }],
  ]) as unknown as ReadonlyMap<string, TensorInfo>;
  assert.equal(countWeights({ tensors }), 64 + 2 + 3);
});
