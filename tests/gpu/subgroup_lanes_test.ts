import { areInOrder, findOrderedLanes } from "../../engine/ops/subgroup_lanes.ts";
import { device } from "../support/gpu.ts";
import assert from "node:assert/strict";

Deno.test("areInOrder() wants every invocation where its number puts it, in subgroups that are large enough", () => {
  const lanes = (places: number[], size: number) =>
    new Uint32Array(places.flatMap((index) => [index, size]));
  assert.ok(areInOrder(lanes([0, 1, 2, 3, 0, 1, 2, 3], 4), 4));
  assert.ok(areInOrder(lanes([0, 1, 2, 3], 8), 4));
  assert.ok(!areInOrder(lanes([0, 1, 2, 3, 0, 1, 2, 3], 4), 8));
  assert.ok(!areInOrder(lanes([0, 2, 1, 3], 4), 4));
  assert.ok(!areInOrder(lanes([0, 1, 2, 3, 4, 5, 6, 7], 4), 4));
});

Deno.test("findOrderedLanes() tells the smallest subgroup, or nothing where there are none", async () => {
  const lanes = await findOrderedLanes(device);
  const { kind, minSubgroupSize } = device.info;
  // A driver on the CPU puts them in order; a GPU may not.
  if (kind === "software") assert.equal(lanes, minSubgroupSize);
  else assert.ok(lanes === 0 || lanes === minSubgroupSize);
  const without = Object.create(device, { hasSubgroups: { value: false } });
  assert.equal(await findOrderedLanes(without), 0);
});
