import assert from "node:assert/strict";
import { DecodeTimes, GuessRates } from "../../../engine/scheduler/draft_odds.ts";

Deno.test("GuessRates.rate() starts low for short agreement and learns for each length apart", () => {
  const rates = new GuessRates();
  assert.ok(rates.rate(2) < 0.3 && rates.rate(20) > 0.7);
  for (let i = 0; i < 100; i++) rates.record(3, true);
  assert.ok(rates.rate(2) > 0.9);
  for (let i = 0; i < 100; i++) rates.record(32, false);
  assert.ok(rates.rate(16) < 0.1);
  assert.ok(rates.rate(2) > 0.9);
});

Deno.test("DecodeTimes.draftMs() gives what such steps took, and ignores a step that was held up", () => {
  const times = new DecodeTimes();
  assert.equal(times.plainMs(1), null);
  times.record(1, 10);
  times.record(4, 18);
  times.record(4, 500);
  assert.equal(times.plainMs(1), 10);
  assert.ok(times.draftMs(4, 1) < 22);
});

Deno.test("DecodeTimes.draftMs() takes twice the tokens for half as much again where nothing was seen", () => {
  const times = new DecodeTimes();
  times.record(1, 10);
  assert.equal(times.draftMs(2, 1), 15);
  assert.equal(times.draftMs(4, 1), 22.5);
  times.record(9, 26);
  assert.equal(times.draftMs(5, 1), 18); // halfway between the two that were seen
});

Deno.test("DecodeTimes.draftMs() forgets a step with drafts that was long ago, so that it is tried again", () => {
  const times = new DecodeTimes();
  times.record(1, 10);
  times.record(2, 100);
  assert.equal(times.draftMs(2, 1), 100);
  for (let i = 0; i < 256; i++) times.record(1, 10);
  assert.equal(times.draftMs(2, 1), 15);
});
