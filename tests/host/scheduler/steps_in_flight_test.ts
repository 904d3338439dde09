/** Scheduling with two steps in flight. */
import assert from "node:assert/strict";
import {
  type ScheduledSequence,
  Scheduler,
  type SchedulerOptions,
  type Sequence,
} from "../../../engine/scheduler/mod.ts";
import { createRandom } from "../../support/random.ts";

type Plan = readonly ScheduledSequence[];

function createScheduler(options: Partial<SchedulerOptions> = {}): Scheduler {
  return new Scheduler({
    maxStepTokens: 64,
    maxSequences: 8,
    maxWaiting: 100,
    numBlocks: 64,
    blockSize: 4,
    maxStepsInFlight: 2,
    ...options,
  });
}

const prompt = (length: number) => Array.from({ length }, (_, i) => i);

/** Plans a step and begins it. */
function begin(scheduler: Scheduler): Plan {
  const plan = scheduler.schedule();
  if (plan.length > 0) scheduler.beginStep(plan);
  return plan;
}

/** Ends a step: every sequence whose last token was computed gets token 99. */
function end(scheduler: Scheduler, plan: Plan, ms = 1): void {
  scheduler.endStep(plan, ms);
  for (const { sequence, numTokens, isLast } of plan) {
    if (sequence.status === "finished") continue;
    scheduler.commit(sequence, numTokens);
    if (isLast) sequence.tokens.push(99);
  }
}

const shares = (plan: Plan) => plan.map(({ sequence, numTokens }) => [sequence.id, numTokens]);

/** Sequences that decode, and nothing in flight. */
function addDecoding(scheduler: Scheduler, count: number, numPromptTokens = 2): Sequence[] {
  const sequences = Array.from({ length: count }, () => scheduler.add(prompt(numPromptTokens)));
  while (sequences.some(({ tokens }) => tokens.length === numPromptTokens)) {
    const steps = [begin(scheduler), begin(scheduler)];
    for (const plan of steps) if (plan.length > 0) end(scheduler, plan);
  }
  return sequences;
}

Deno.test("Scheduler.schedule() gives each of two steps half of the sequences", () => {
  const scheduler = createScheduler();
  addDecoding(scheduler, 5);
  const first = begin(scheduler);
  const second = begin(scheduler);
  assert.deepEqual(shares(first), [[0, 1], [1, 1], [2, 1]]);
  assert.deepEqual(shares(second), [[3, 1], [4, 1]]);
  end(scheduler, first);
  assert.deepEqual(shares(begin(scheduler)), [[0, 1], [1, 1], [2, 1]]);
});

Deno.test("Scheduler.schedule() gives a single sequence no second step", () => {
  const scheduler = createScheduler();
  addDecoding(scheduler, 1);
  assert.equal(begin(scheduler).length, 1);
  assert.deepEqual(begin(scheduler), []);
});

Deno.test("Scheduler.schedule() leaves nobody out when some of a step have ended", () => {
  const scheduler = createScheduler();
  const sequences = addDecoding(scheduler, 8);
  const steps = [begin(scheduler), begin(scheduler)];
  for (const sequence of sequences.slice(0, 3)) scheduler.finish(sequence);
  for (let i = 0; i < 4; i++) {
    end(scheduler, steps.shift()!);
    steps.push(begin(scheduler));
  }
  assert.deepEqual(steps.flatMap(shares).map(([id]) => id).toSorted(), [3, 4, 5, 6, 7]);
  assert.ok(steps.every(({ length }) => length >= 2));
});

Deno.test("Scheduler.schedule() computes a prompt beside streams that are in flight", () => {
  const scheduler = createScheduler();
  addDecoding(scheduler, 3);
  for (let i = 0; i < 3; i++) end(scheduler, begin(scheduler)); // what streams take alone
  const streams = begin(scheduler);
  assert.deepEqual(shares(streams), [[0, 1], [1, 1]]);
  scheduler.add(prompt(6).map((token) => token + 1000));
  assert.deepEqual(shares(begin(scheduler)), [[2, 1], [3, 4]]); // at least a chunk of four
});

Deno.test("Scheduler.schedule() gives a second step no prompt tokens where the first has all that streams bear", () => {
  const scheduler = createScheduler({ maxStepTokens: 128, numBlocks: 200 });
  const stream = scheduler.add(prompt(40));
  end(scheduler, begin(scheduler), 20); // half a millisecond a token
  for (let i = 0; i < 3; i++) end(scheduler, begin(scheduler), 10);
  for (const start of [1000, 2000]) scheduler.add(prompt(200).map((token) => token + start));
  const first = begin(scheduler);
  assert.deepEqual(shares(first), [[stream.id, 1], [1, 44]]); // 22 ms, since two prompts wait for one stream
  assert.deepEqual(begin(scheduler), []);
  end(scheduler, first, 35);
  assert.equal(begin(scheduler).length, 2);
});

Deno.test("Scheduler.endStep() takes a prompt's time from the steps of streams, its own and those beside it", () => {
  const scheduler = createScheduler({ maxStepTokens: 128, numBlocks: 200 });
  addDecoding(scheduler, 1);
  for (let i = 0; i < 8; i++) end(scheduler, begin(scheduler), 10); // what streams take alone
  scheduler.add(prompt(300));
  const limit = () => shares(begin(scheduler)).find(([id]) => id === 1)?.[1];
  for (let i = 0; i < 6; i++) {
    const stream = begin(scheduler);
    const chunk = begin(scheduler);
    assert.deepEqual([stream, chunk].flatMap(shares).map(([id]) => id), [0, 1]);
    end(scheduler, stream, 10 + 0.5 * chunk[0]!.numTokens); // half a millisecond a token
    end(scheduler, chunk, 1000); // no stream waits for it
  }
  begin(scheduler);
  assert.equal(limit(), 22); // 11 ms
});

Deno.test("Scheduler.endStep() learns what streams take from no step that the rest of a prompt may hold up", () => {
  const scheduler = createScheduler({ maxStepTokens: 128, numBlocks: 200 });
  const stream = scheduler.add(prompt(40));
  end(scheduler, begin(scheduler), 20); // half a millisecond a token
  for (let i = 0; i < 3; i++) end(scheduler, begin(scheduler), 10);
  const short = scheduler.add([1000, 1001, 1002]);
  const steps = [begin(scheduler), begin(scheduler)];
  assert.deepEqual(steps.flatMap(shares), [[stream.id, 1], [short.id, 3]]);
  end(scheduler, steps[0]!, 11.5);
  end(scheduler, steps[1]!, 11.5);
  scheduler.finish(short);
  for (let i = 0; i < 2; i++) end(scheduler, begin(scheduler), 1000);
  scheduler.add(prompt(200).map((token) => token + 2000));
  begin(scheduler);
  assert.deepEqual(shares(begin(scheduler)).map(([, numTokens]) => numTokens), [22]);
});

Deno.test("Scheduler.schedule() leaves the blocks of a sequence in flight to it, and takes them once its step has ended", () => {
  const scheduler = createScheduler({ numBlocks: 4, maxSequences: 2 });
  const [early, late] = addDecoding(scheduler, 2, 6) as [Sequence, Sequence];
  const steps: Plan[] = [begin(scheduler), begin(scheduler)];
  while (early.table.blocks.length + late.table.blocks.length < 4 || early.numPending > 0) {
    if (scheduler.numFreeBlocks === 0 && early.tokens.length === 8) break;
    end(scheduler, steps.shift()!);
    steps.push(begin(scheduler));
  }
  assert.equal(scheduler.numFreeBlocks, 0);
  // The early one needs a third block while the late one computes.
  while (shares(steps[0]!)[0]?.[0] !== early.id) {
    end(scheduler, steps.shift()!);
    steps.push(begin(scheduler));
  }
  end(scheduler, steps.shift()!);
  assert.equal(early.numComputed, 8);
  const waits = begin(scheduler);
  assert.deepEqual(shares(waits), []);
  assert.equal(scheduler.numPreemptions, 0);
  assert.equal(late.table.blocks.length, 2);
  end(scheduler, steps.shift()!);
  assert.deepEqual(shares(begin(scheduler)), [[early.id, 1]]);
  assert.equal(scheduler.numPreemptions, 1);
  assert.equal(late.status, "waiting");
});

Deno.test("Scheduler keeps every block accounted for through random arrivals and leaves with two steps in flight", () => {
  const random = createRandom(7);
  const below = (count: number) => Math.floor(count * random());
  const scheduler = createScheduler({ numBlocks: 16, maxStepTokens: 8, maxSequences: 5 });
  const steps: Plan[] = [];
  let numDone = 0;
  for (let i = 0; i < 8000; i++) {
    if (below(4) === 0 && scheduler.numWaiting < 50) scheduler.add(prompt(1 + below(20)));
    while (steps.length < 2) {
      const plan = begin(scheduler);
      if (plan.length === 0) break;
      steps.push(plan);
    }
    const written = new Set<number>();
    const members = new Set<Sequence>();
    for (const { sequence, numTokens } of steps.flat()) {
      assert.ok(!members.has(sequence), "a sequence is in two steps");
      members.add(sequence);
      if (sequence.status === "finished") continue; // its blocks may be another's, in a later step
      assert.equal(sequence.status, "running");
      const { blocks } = sequence.table;
      assert.ok(blocks.length * 4 >= sequence.numComputed + numTokens);
      for (const block of blocks.slice(Math.floor(sequence.numComputed / 4))) {
        assert.ok(!written.has(block), "two sequences write a block");
        written.add(block);
      }
    }
    const all = [...members];
    if (below(10) === 0 && all.length > 0) scheduler.finish(all[below(all.length)]!);
    const plan = steps.shift();
    if (!plan) {
      assert.equal(scheduler.numRunning + scheduler.numWaiting, 0, "a stall");
      continue;
    }
    end(scheduler, plan, 1 + below(5));
    for (const { sequence } of plan) {
      if (sequence.tokens.length < 40 && below(30) > 0) continue;
      if (sequence.status !== "finished") numDone++;
      scheduler.finish(sequence);
    }
  }
  assert.ok(numDone > 300 && scheduler.numPreemptions > 10, `${numDone}`);
});
