import assert from "node:assert/strict";
import { parseKeepAlive } from "../../../engine/mod.ts";

for (
  const [value, keepAliveMs] of [
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["250ms", 250],
    [" 10S ", 10_000],
    ["90", 90_000],
    ["0", 0],
    ["0s", 0],
    ["-1", Infinity],
    ["-1m", Infinity],
    [0, 0],
    [30, 30_000],
    [-1, Infinity],
    ["", undefined],
    ["soon", undefined],
    ["5 m", undefined],
    ["5d", undefined],
    ["m", undefined],
    ["--1", undefined],
    ["1e9", undefined],
    [NaN, undefined],
    [Infinity, undefined],
    [true, undefined],
    [null, undefined],
  ] as const
) {
  Deno.test(`parseKeepAlive() reads ${Deno.inspect(value)}`, () => {
    assert.equal(parseKeepAlive(value), keepAliveMs);
  });
}
