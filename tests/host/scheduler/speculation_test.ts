import assert from "node:assert/strict";
import { Scheduler, Speculation, type SpeculationMode } from "../../../engine/scheduler/mod.ts";

interface World {
  mode?: SpeculationMode;
  numBlocks?: number;
  maxLogitsRows?: number;
  maxWaiting?: number;
}

function createWorld({ mode = "auto", numBlocks = 64, maxLogitsRows = 16 }: World = {}) {
  const scheduler = new Scheduler({
    maxStepTokens: 64,
    maxSequences: 4,
    maxWaiting: 8,
    numBlocks,
    blockSize: 4,
  });
  const speculation = new Speculation(scheduler, { mode, maxStepTokens: 64, maxLogitsRows });
  const add = (prompt: number[], maxLength = 1000) => {
    const sequence = scheduler.add(prompt);
    speculation.watch(sequence, maxLength);
    return sequence;
  };
  /** A step that takes `ms` for so many tokens, after which every sequence has `next` of its tokens more. */
  const step = (ms: (numTokens: number) => number, next: (length: number) => number) => {
    const plan = scheduler.schedule();
    const drafts = speculation.draft(plan);
    const counts = drafts.map(({ length }) => length);
    const numTokens = plan.reduce((sum, share, i) => sum + share.numTokens + counts[i]!, 0);
    speculation.recordStep(plan, drafts, ms(numTokens));
    plan.forEach(({ sequence, numTokens }, i) => {
      scheduler.commit(sequence, numTokens);
      for (let right = 0;; right++) {
        const token = next(sequence.tokens.length);
        sequence.tokens.push(token);
        if (token !== drafts[i]![right]) break;
        scheduler.commit(sequence, 1);
      }
    });
    return counts;
  };
  return { scheduler, speculation, add, step };
}

/** Says 0 to 8 again and again. */
const repeat = (length: number) => length % 9;
const unique = (length: number) => 1000 + length;
const flat = () => 10;
/** A device whose steps cost as much as their tokens. */
const steep = (numTokens: number) => 10 * numTokens;

const repeated = (length: number) => Array.from({ length }, (_, i) => repeat(i));

Deno.test("Speculation.draft() makes as many drafts as a tile holds where text repeats and they cost nothing", () => {
  const { add, step, speculation } = createWorld();
  const { tokens } = add(repeated(20));
  const counts = Array.from({ length: 12 }, () => step(flat, repeat)[0]!);
  assert.deepEqual(counts.slice(0, 2), [0, 0]); // the prompt, and a step that tells what one takes
  assert.deepEqual(counts.slice(6), [7, 7, 7, 7, 7, 7]);
  assert.deepEqual(tokens, repeated(tokens.length));
  assert.equal(speculation.numDrafted, counts.reduce((sum, count) => sum + count, 0));
});

Deno.test("Speculation.draft() makes none where a draft costs as much as a step", () => {
  const { add, step, speculation } = createWorld();
  add(repeated(20));
  for (let i = 0; i < 200; i++) step(steep, repeat);
  // That twice the tokens take less than twice the time is a guess; it takes a try or two.
  assert.ok(speculation.numDrafted <= 10, `${speculation.numDrafted}`);
});

Deno.test("Speculation.draft() makes none for text that does not repeat itself", () => {
  const { add, step, speculation } = createWorld();
  add(repeated(20));
  for (let i = 0; i < 100; i++) step((numTokens) => 10 + numTokens, unique);
  assert.equal(speculation.numDrafted, 0);
});

Deno.test("Speculation.draft() stops soon where the same words go on differently each time", () => {
  const { add, step, speculation } = createWorld();
  add(repeated(20));
  // 1 2 3 x 1 2 3 y …
  const differ = (length: number) => length % 4 === 0 ? 1000 + length : length % 4;
  for (let i = 0; i < 400; i++) step((numTokens) => 8 + 2 * numTokens, differ);
  // What it makes then are the two of four that are right.
  const { numDrafted } = speculation;
  for (let i = 0; i < 50; i++) step((numTokens) => 8 + 2 * numTokens, unique);
  assert.ok(speculation.numDrafted - numDrafted <= 3);
});

Deno.test("Speculation.draft() begins again when text repeats itself again", () => {
  const { add, step, speculation } = createWorld();
  add(repeated(20));
  for (let i = 0; i < 100; i++) step(flat, unique);
  for (let i = 0; i < 100; i++) step(flat, repeat);
  assert.ok(speculation.numDrafted > 100, `${speculation.numDrafted}`);
});

Deno.test("Speculation.draft() makes none while a prompt is computed or waits", () => {
  const { scheduler, speculation, add, step } = createWorld({ mode: "always" });
  add(repeated(20));
  step(flat, repeat);
  assert.deepEqual(step(flat, repeat), [7]);
  add(repeated(200));
  const plan = scheduler.schedule();
  assert.deepEqual(speculation.draft(plan), plan.map(() => []));
});

Deno.test("Speculation.draft() shares the logits rows out by what is likeliest", () => {
  const { add, step } = createWorld({ mode: "always", maxLogitsRows: 8 });
  add(repeated(40));
  add([50, 51, 52, 50, 51]); // agrees for two tokens
  add([90, 91, 92, 93]); // agrees nowhere
  step(flat, (length) => length === 5 ? 52 : length === 4 ? 94 : repeat(length));
  const counts = step(flat, repeat);
  assert.equal(counts.reduce((sum, count) => sum + count, 0), 5);
  assert.ok(counts[0]! > counts[1]!, `${counts}`);
  assert.equal(counts[2], 0);
});

Deno.test("Speculation.draft() leaves a place for the token behind the last draft", () => {
  const { add, step } = createWorld({ mode: "always" });
  const sequence = add(repeated(20), 26);
  step(flat, repeat);
  assert.deepEqual(step(flat, repeat), [4]); // 21 tokens, 4 drafts, and one more
  assert.equal(sequence.tokens.length, 26);
});

Deno.test("Speculation.draft() takes free blocks only, and leaves one for each sequence", () => {
  const { scheduler, add, step } = createWorld({ mode: "always", numBlocks: 11 });
  add(repeated(20));
  const other = add(repeated(20));
  step(flat, repeat);
  const counts = step(flat, repeat);
  assert.equal(scheduler.numPreemptions, 0);
  assert.equal(other.status, "running");
  // 21 tokens lie in six blocks each of which three places are free; eleven blocks do not hold even that.
  assert.ok(counts.every((count) => count <= 3), `${counts}`);
});

Deno.test("Speculation.draft() makes none when it is off, nor for a sequence that nobody watches", () => {
  const off = createWorld({ mode: "off" });
  off.add(repeated(20));
  const { scheduler, step } = createWorld({ mode: "always" });
  scheduler.add(repeated(20));
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(off.step(flat, repeat), [0]);
    assert.deepEqual(step(flat, repeat), [0]);
  }
});
