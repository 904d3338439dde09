import assert from "node:assert/strict";
import { QueueFullError } from "../../../engine/errors.ts";
import { Scheduler, type SchedulerOptions } from "../../../engine/scheduler/mod.ts";

function createScheduler(options: Partial<SchedulerOptions> = {}): Scheduler {
  return new Scheduler({
    maxStepTokens: 8,
    maxSequences: 4,
    maxWaiting: 4,
    numBlocks: 8,
    blockSize: 4,
    ...options,
  });
}

const prompt = (length: number) => Array.from({ length }, (_, i) => i);

/** Runs a step without a model: every sequence whose last token was computed gets token 99. */
function step(scheduler: Scheduler): [id: number, numTokens: number, isLast: boolean][] {
  const plan = scheduler.schedule();
  for (const { sequence, numTokens, isLast } of plan) {
    scheduler.commit(sequence, numTokens);
    if (isLast) sequence.tokens.push(99);
  }
  return plan.map(({ sequence, numTokens, isLast }) => [sequence.id, numTokens, isLast]);
}

Deno.test("Scheduler.schedule() cuts a long prompt into chunks of the budget", () => {
  const scheduler = createScheduler();
  scheduler.add(prompt(19));
  assert.deepEqual(step(scheduler), [[0, 8, false]]);
  assert.deepEqual(step(scheduler), [[0, 8, false]]);
  assert.deepEqual(step(scheduler), [[0, 3, true]]);
  assert.deepEqual(step(scheduler), [[0, 1, true]]);
});

Deno.test("Scheduler.schedule() lets running streams go on while a prompt is prefilled", () => {
  const scheduler = createScheduler();
  scheduler.add(prompt(2));
  step(scheduler);
  scheduler.add(prompt(12));
  assert.deepEqual(step(scheduler), [[0, 1, true], [1, 7, false]]);
  assert.deepEqual(step(scheduler), [[0, 1, true], [1, 5, true]]);
  assert.deepEqual(step(scheduler), [[0, 1, true], [1, 1, true]]);
});

Deno.test("Scheduler.schedule() shortens chunks that would hold running streams up", () => {
  const scheduler = createScheduler({ maxStepTokens: 64, numBlocks: 64 });
  scheduler.add(prompt(2));
  step(scheduler);
  scheduler.recordStep(scheduler.schedule(), 10); // one stream decodes
  scheduler.add(prompt(100));
  const plan = scheduler.schedule();
  assert.deepEqual(plan.map(({ numTokens }) => numTokens), [1, 63]); // nothing is known of prompts yet
  scheduler.recordStep(plan, 10 + 40);
  assert.deepEqual(scheduler.schedule().map(({ numTokens }) => numTokens), [1, 17]); // 11 ms
});

Deno.test("Scheduler.schedule() is empty when nothing waits or runs", () => {
  assert.deepEqual(createScheduler().schedule(), []);
});

Deno.test("Scheduler.schedule() admits in order of arrival up to maxSequences", () => {
  const scheduler = createScheduler({ maxSequences: 2 });
  for (let i = 0; i < 3; i++) scheduler.add(prompt(2));
  assert.deepEqual(step(scheduler), [[0, 2, true], [1, 2, true]]);
  assert.equal(scheduler.numWaiting, 1);
  const [first] = scheduler.schedule();
  scheduler.finish(first!.sequence);
  assert.deepEqual(scheduler.schedule().map(({ sequence }) => sequence.id), [1, 2]);
});

Deno.test("Scheduler.schedule() admits nobody whose blocks are not there", () => {
  const scheduler = createScheduler({ numBlocks: 4 });
  scheduler.add(prompt(9)); // three blocks
  scheduler.add(prompt(5)); // two
  assert.deepEqual(step(scheduler), [[0, 8, false]]);
  assert.equal(scheduler.numWaiting, 1);
});

Deno.test("Scheduler.schedule() preempts the latest sequence when blocks run out, and computes anew what was overwritten", () => {
  const scheduler = createScheduler({ numBlocks: 4 });
  scheduler.add(prompt(7));
  scheduler.add(prompt(7));
  step(scheduler); // 7 + 1 tokens
  step(scheduler); // the second prompt's rest
  for (let i = 0; scheduler.numPreemptions === 0 && i < 10; i++) step(scheduler);
  assert.equal(scheduler.numPreemptions, 1);
  assert.equal(scheduler.numRunning, 1);
  assert.equal(scheduler.numWaiting, 1);
  assert.equal(scheduler.numFreeBlocks, 1);
  const [only] = scheduler.schedule();
  assert.equal(only!.sequence.id, 0);
  scheduler.finish(only!.sequence);
  const [again] = scheduler.schedule();
  assert.equal(again!.sequence.id, 1);
  assert.equal(again!.sequence.numComputed, 4); // its first block was not needed meanwhile
  assert.deepEqual(again!.sequence.tokens.slice(0, 7), prompt(7));
});

Deno.test("Scheduler.schedule() skips the full blocks of a prefix that was computed before", () => {
  const scheduler = createScheduler();
  const first = scheduler.add(prompt(8));
  step(scheduler);
  const second = scheduler.add([...prompt(7), 55, 56]);
  assert.deepEqual(step(scheduler), [[0, 1, true], [1, 5, true]]);
  assert.equal(second.numCachedTokens, 4);
  assert.equal(second.table.blocks[0], first.table.blocks[0]);
  scheduler.finish(first);
  scheduler.finish(second);
  assert.equal(scheduler.numFreeBlocks, 8);
  const third = scheduler.add(prompt(8));
  assert.deepEqual(step(scheduler), [[2, 4, true]]); // the last token is always computed
  assert.equal(third.numCachedTokens, 4);
});

Deno.test("Scheduler.add() refuses a sequence when the waiting list is full", () => {
  const scheduler = createScheduler({ maxWaiting: 1 });
  scheduler.add(prompt(1));
  assert.throws(() => scheduler.add(prompt(1)), QueueFullError);
});

Deno.test("Scheduler.finish() gives all blocks back, once, whether waiting or running", () => {
  const scheduler = createScheduler();
  const running = scheduler.add(prompt(6));
  step(scheduler);
  const waiting = scheduler.add(prompt(6));
  assert.equal(scheduler.numFreeBlocks, 6);
  for (let i = 0; i < 2; i++) {
    scheduler.finish(running);
    scheduler.finish(waiting);
  }
  assert.equal(scheduler.numFreeBlocks, 8);
  assert.equal(scheduler.numRunning, 0);
  assert.equal(scheduler.numWaiting, 0);
});

Deno.test("Scheduler keeps every block accounted for through random arrivals and leaves", () => {
  let state = 12345;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
  const scheduler = createScheduler({ numBlocks: 12, maxWaiting: 100 });
  for (let i = 0; i < 5000; i++) {
    if (random(4) === 0 && scheduler.numWaiting < 50) scheduler.add(prompt(1 + random(20)));
    const plan = scheduler.schedule();
    const held = new Set<number>();
    for (const { sequence, numTokens, isLast } of plan) {
      const { blocks } = sequence.table;
      assert.ok(blocks.length * 4 >= sequence.numComputed + numTokens);
      for (const block of blocks.slice(Math.floor(sequence.numComputed / 4))) { // to be written
        assert.ok(!held.has(block), "a step writes a block that another sequence holds");
      }
      blocks.forEach((block) => held.add(block));
      scheduler.commit(sequence, numTokens);
      if (isLast) sequence.tokens.push(99);
      if (sequence.tokens.length >= 40 || random(30) === 0) scheduler.finish(sequence);
    }
    assert.ok(plan.length > 0 || scheduler.numRunning + scheduler.numWaiting === 0, "a stall");
  }
});
