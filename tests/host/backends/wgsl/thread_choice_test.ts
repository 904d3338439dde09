import assert from "node:assert/strict";
import { ThreadChoice } from "../../../../engine/backends/wgsl/thread_choice.ts";

/** Runs steps that take so long, and returns how many went on one thread. */
function countSolo(
  choice: ThreadChoice,
  numSteps: number,
  times: { all: number; solo: number },
): number {
  let count = 0;
  for (let i = 0; i < numSteps; i++) {
    const { isSolo } = choice;
    if (isSolo) count++;
    choice.record(isSolo ? times.solo : times.all, 1);
  }
  return count;
}

const QUIET = { all: 7, solo: 10 };
const BUSY = { all: 20, solo: 10 };

Deno.test("ThreadChoice takes all threads where they are faster, but for a trial now and then", () => {
  assert.equal(countSolo(new ThreadChoice(), 512, QUIET), 6);
});

Deno.test("ThreadChoice takes one thread where the others keep it waiting, and all when they no longer do", () => {
  const choice = new ThreadChoice();
  assert.equal(countSolo(choice, 256, BUSY), 253);
  assert.equal(countSolo(choice, 256, QUIET), 3);
});

Deno.test("ThreadChoice takes one thread at once behind a step whose threads did not meet", () => {
  const choice = new ThreadChoice();
  countSolo(choice, 20, QUIET);
  choice.record(Infinity, 1);
  assert.ok(choice.isSolo);
});

Deno.test("ThreadChoice takes all threads where both are as fast", () => {
  assert.equal(countSolo(new ThreadChoice(), 256, { all: 10, solo: 9.5 }), 3);
});
