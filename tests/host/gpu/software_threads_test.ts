import assert from "node:assert/strict";
import { chooseSoftwareMode } from "../../../engine/gpu/software_threads.ts";

for (
  const [backend, numWeights, numCores, mode] of [
    ["our kernels", 15e6, 8, "inline"],
    ["our kernels", 135e6, 1, "inline"],
    ["our kernels", 135e6, 2, "pool"],
    ["our kernels", 494e6, 2, "pool"],
    ["our kernels", 494e6, 1, "inline"],
    ["a compiled library", 135e6, 2, "inline"],
    ["a compiled library", 249e6, 16, "inline"],
    ["a compiled library", 494e6, 2, "pool"],
    ["a compiled library", 494e6, 1, "inline"],
  ] as const
) {
  Deno.test(`chooseSoftwareMode() takes ${mode} for ${numWeights / 1e6} M weights on ${numCores} cores by ${backend}`, () => {
    const isFused = backend === "our kernels";
    assert.equal(chooseSoftwareMode(numWeights, { isFused, numCores, isUsersChoice: false }), mode);
  });
}

Deno.test("chooseSoftwareMode() leaves the number of threads to a user who has set it", () => {
  const options = { isFused: true, numCores: 2, isUsersChoice: true };
  assert.equal(chooseSoftwareMode(1e6, options), "pool");
});
