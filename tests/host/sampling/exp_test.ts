import assert from "node:assert/strict";
import { expNegative } from "../../../engine/sampling/exp.ts";
import { createRandom } from "../../support/random.ts";

Deno.test("expNegative() agrees with Math.exp() to nine digits, over the table's end and at its places", () => {
  const random = createRandom(2);
  const places = [1 / 128, 1, 39.9921875, 39.999, 40, 40.01, 700];
  for (const x of [...places, ...Array.from({ length: 10_000 }, () => 50 * random() ** 2)]) {
    const expected = Math.exp(-x);
    assert.ok(Math.abs(expNegative(-x) - expected) <= 1e-9 * expected, `${x}`);
  }
});

Deno.test("expNegative() is 1 at 0, and 0 for what is masked", () => {
  assert.equal(expNegative(0), 1);
  assert.equal(expNegative(-Infinity), 0);
  assert.equal(expNegative(-1000), 0);
});

Deno.test("expNegative() falls from each place to the next", () => {
  for (let x = 0; x < 41; x += 1 / 1024) {
    assert.ok(expNegative(-x - 1 / 1024) < expNegative(-x), `${x}`);
  }
});
