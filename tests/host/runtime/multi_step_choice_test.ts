/** How many steps run together. */
import assert from "node:assert/strict";
import type { ActiveGeneration } from "../../../engine/runtime/active_generation.ts";
import { MultiStep } from "../../../engine/runtime/multi_step.ts";
import { Sequence } from "../../../engine/scheduler/mod.ts";
import { PagedRunner } from "../../support/paged_runner.ts";

const BLOCK_SIZE = 16;
/** Each sequence has two blocks. */
const NUM_SLOTS = 2 * BLOCK_SIZE;

let nextId = 0;

/** A sequence that decodes, and has so many slots and tokens left. */
function decoding(numSlots: number, { numTokensLeft = 99, needsHost = false } = {}) {
  const sequence = new Sequence(nextId++, [1, 2, 3]);
  sequence.tokens.push(...new Array<number>(NUM_SLOTS + 1 - numSlots - 3).fill(4));
  sequence.numComputed = NUM_SLOTS - numSlots;
  sequence.table.blocks.push(0, 1);
  return { sequence, generation: { numTokensLeft, needsHost } as ActiveGeneration };
}

/** What MultiStep.choose() says of sequences whose steps take `stepMs`, behind a step alone and some runs. */
async function choose(
  members: ReturnType<typeof decoding>[],
  {
    stepMs = 0.1,
    numWaiting = 0,
    numHeld = 0,
    canChoose = true,
    numDrafts = 0,
    numRuns = 0,
  }: {
    stepMs?: number | null;
    numWaiting?: number;
    numHeld?: number;
    canChoose?: boolean;
    numDrafts?: number;
    /** Null where nothing has run. */
    numRuns?: number | null;
  } = {},
): Promise<number> {
  const multiStep = new MultiStep({
    runner: new PagedRunner({ canChoose, blockSize: BLOCK_SIZE }),
    scheduler: {
      numWaiting,
      numRunning: members.length + numHeld,
      commit: () => {},
      recordStep: () => {},
    },
    speculation: { plainMs: () => stepMs, recordStep: () => {} },
    numChoices: 26,
    generationOf: (sequence) => members.find((member) => member.sequence === sequence)!.generation,
    take: () => Promise.resolve(),
  });
  const plan = members.map(({ sequence }) => ({ sequence, numTokens: 1, isLast: true }));
  if (canChoose && numRuns !== null) {
    await multiStep.run(plan, 1);
    for (let i = 0; i < numRuns; i++) await multiStep.run(plan, 2);
  }
  return multiStep.choose(plan, plan.map(() => new Array<number>(numDrafts).fill(5)));
}

Deno.test("MultiStep.choose() ends at the first full block and the first bound, by powers of two", async () => {
  assert.equal(await choose([decoding(16)]), 8);
  assert.equal(await choose([decoding(7)]), 4);
  assert.equal(await choose([decoding(3)]), 2);
  assert.equal(await choose([decoding(1)]), 1);
  assert.equal(await choose([decoding(16), decoding(2), decoding(9)]), 2);
  assert.equal(await choose([decoding(16, { numTokensLeft: 5 })]), 4);
  assert.equal(await choose([decoding(16), decoding(16, { numTokensLeft: 1 })]), 1);
});

Deno.test("MultiStep.choose() keeps runs short, and shorter where several streams run", async () => {
  const counts = (numSequences: number) =>
    Promise.all([0.2, 0.4, 0.9, 1.1, 2.5, 3.5, 7].map((stepMs) => {
      const members = Array.from({ length: numSequences }, () => decoding(16));
      return choose(members, { stepMs });
    }));
  assert.deepEqual(await counts(1), [8, 4, 4, 4, 4, 2, 1]);
  assert.deepEqual(await counts(2), [8, 4, 2, 1, 1, 1, 1]);
});

Deno.test("MultiStep.choose() takes one step while it does not know its time, or something waits", async () => {
  assert.equal(await choose([decoding(16)], { stepMs: null }), 1);
  assert.equal(await choose([decoding(16)], { numWaiting: 1 }), 1);
  assert.equal(await choose([decoding(16)], { numHeld: 1 }), 1);
  assert.equal(await choose([decoding(16)], { numRuns: null }), 1);
  assert.equal(await choose([decoding(16)], { numRuns: 15 }), 8);
  assert.equal(await choose([decoding(16)], { numRuns: 16 }), 1);
});

Deno.test("MultiStep.choose() leaves to the host what it must do", async () => {
  assert.equal(await choose([decoding(16)], { canChoose: false }), 0);
  assert.equal(await choose([decoding(16)], { numDrafts: 2 }), 0);
  assert.equal(await choose([decoding(16), decoding(16, { needsHost: true })]), 0);
  const prefilling = decoding(16);
  prefilling.sequence.numComputed--;
  assert.equal(await choose([decoding(16), prefilling]), 0);
  const first = decoding(16);
  first.sequence.tokens.length = 3;
  first.sequence.numComputed = 2;
  assert.equal(await choose([first]), 0);
});
