import assert from "node:assert/strict";
import { chooseSoftwareMode } from "../../../engine/gpu/software_threads.ts";

for (
  const [numWeights, numCores, mode] of [
    [15e6, 8, "inline"],
    [135e6, 1, "inline"],
    [135e6, 2, "pipelined"],
    [249e6, 16, "pipelined"],
    [494e6, 2, "pool"],
    [494e6, 1, "pool"],
  ] as const
) {
  Deno.test(`chooseSoftwareMode() takes ${mode} for ${numWeights / 1e6} M weights on ${numCores} cores`, () => {
    assert.equal(chooseSoftwareMode(numWeights, { numCores, isUsersChoice: false }), mode);
  });
}

Deno.test("chooseSoftwareMode() leaves the number of threads to a user who has set it", () => {
  assert.equal(chooseSoftwareMode(135e6, { numCores: 2, isUsersChoice: true }), "pool");
});
