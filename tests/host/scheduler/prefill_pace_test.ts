import assert from "node:assert/strict";
import { PrefillPace } from "../../../engine/scheduler/prefill_pace.ts";

Deno.test("PrefillPace.maxPromptTokens sets no bound before a decode step and a prompt were seen", () => {
  const pace = new PrefillPace();
  assert.equal(pace.maxPromptTokens, Infinity);
  pace.record({ numDecodeTokens: 4, numPromptTokens: 0, ms: 10 });
  assert.equal(pace.maxPromptTokens, Infinity);
});

Deno.test("PrefillPace.maxPromptTokens lengthens a decode step by half as much again as it takes", () => {
  const pace = new PrefillPace();
  pace.record({ numDecodeTokens: 4, numPromptTokens: 0, ms: 40 });
  pace.record({ numDecodeTokens: 4, numPromptTokens: 100, ms: 40 + 100 });
  assert.equal(pace.maxPromptTokens, 60); // 1 ms a token, 1.5 · 40 ms
});

Deno.test("PrefillPace.maxPromptTokens keeps a prompt moving however slow its tokens are", () => {
  const pace = new PrefillPace();
  pace.record({ numDecodeTokens: 1, numPromptTokens: 0, ms: 5 });
  pace.record({ numDecodeTokens: 1, numPromptTokens: 100, ms: 10_000 });
  assert.equal(pace.maxPromptTokens, 16);
});

Deno.test("PrefillPace.record() follows a device that gets faster", () => {
  const pace = new PrefillPace();
  pace.record({ numDecodeTokens: 1, numPromptTokens: 0, ms: 40 });
  for (let i = 0; i < 3; i++) pace.record({ numDecodeTokens: 0, numPromptTokens: 100, ms: 200 });
  assert.equal(pace.maxPromptTokens, 30);
  for (let i = 0; i < 30; i++) pace.record({ numDecodeTokens: 0, numPromptTokens: 100, ms: 100 });
  assert.equal(pace.maxPromptTokens, 59); // 60, but for the last trace of the past
});
