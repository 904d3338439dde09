import assert from "node:assert/strict";
import { PrefillPace } from "../../../engine/scheduler/prefill_pace.ts";

/** Tokens of the next step's prompts. */
function chunk(pace: PrefillPace, numDecoding: number, numPrefilling = 1): number {
  return pace.maxPromptTokens({ numDecoding, numPrefilling });
}

/** A pace that knows steps of four streams to take 40 ms, and a prompt token 1 ms. */
function createPace(): PrefillPace {
  const pace = new PrefillPace();
  pace.record({ numDecoding: 4, numPromptTokens: 0, ms: 40 });
  pace.record({ numDecoding: 4, numPromptTokens: 100, ms: 40 + 100 });
  return pace;
}

Deno.test("PrefillPace.maxPromptTokens() sets no bound before a prompt was seen", () => {
  const pace = new PrefillPace();
  pace.record({ numDecoding: 4, numPromptTokens: 0, ms: 10 });
  assert.equal(chunk(pace, 4), Infinity);
});

Deno.test("PrefillPace.maxPromptTokens() lets streams show their pace first", () => {
  const pace = new PrefillPace();
  pace.record({ numDecoding: 0, numPromptTokens: 100, ms: 100 });
  assert.equal(chunk(pace, 4), 0);
  pace.record({ numDecoding: 4, numPromptTokens: 0, ms: 40 });
  assert.equal(chunk(pace, 4), 44);
});

Deno.test("PrefillPace.maxPromptTokens() lengthens a decode step by a bounded share of its time", () => {
  assert.equal(chunk(createPace(), 4), 44); // 1 ms a token, 1.1 · 40 ms
});

Deno.test("PrefillPace.maxPromptTokens() gives prompts more where more of them wait than streams run", () => {
  assert.equal(chunk(createPace(), 4, 4), 44);
  assert.equal(chunk(createPace(), 4, 12), 132);
});

Deno.test("PrefillPace.maxPromptTokens() keeps a prompt moving however slow its tokens are", () => {
  const pace = new PrefillPace();
  pace.record({ numDecoding: 1, numPromptTokens: 0, ms: 5 });
  pace.record({ numDecoding: 1, numPromptTokens: 100, ms: 10_000 });
  assert.equal(chunk(pace, 1), 4);
});

Deno.test("PrefillPace.maxPromptTokens() asks for a step without prompts when the batch has changed", () => {
  const pace = createPace();
  assert.equal(chunk(pace, 5), 44); // a quarter more takes about as long
  assert.equal(chunk(pace, 8), 0);
  pace.record({ numDecoding: 8, numPromptTokens: 0, ms: 80 });
  assert.equal(chunk(pace, 8), 88); // and not some mean of 40 and 80 ms
});

Deno.test("PrefillPace.maxPromptTokens() looks again from time to time how long a step takes without prompts", () => {
  const pace = createPace();
  // Contexts have grown: a step takes 80 ms, and what prompts add seems to be more.
  for (let i = 0; i < 31; i++) {
    assert.notEqual(chunk(pace, 4), 0);
    pace.record({ numDecoding: 4, numPromptTokens: 10, ms: 80 + 10 });
  }
  assert.equal(chunk(pace, 4), 0);
  pace.record({ numDecoding: 4, numPromptTokens: 0, ms: 80 });
  assert.notEqual(chunk(pace, 4), 0);
});

Deno.test("PrefillPace.record() follows a device that gets faster", () => {
  const pace = new PrefillPace();
  pace.record({ numDecoding: 1, numPromptTokens: 0, ms: 40 });
  for (let i = 0; i < 3; i++) pace.record({ numDecoding: 0, numPromptTokens: 100, ms: 200 });
  assert.equal(chunk(pace, 1), 22);
  for (let i = 0; i < 30; i++) pace.record({ numDecoding: 0, numPromptTokens: 100, ms: 100 });
  assert.equal(chunk(pace, 1), 43); // 44, but for the last trace of the past
});
