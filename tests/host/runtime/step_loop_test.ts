import assert from "node:assert/strict";
import { StepLoop } from "../../../engine/runtime/step_loop.ts";

/** A loop over `work`, which is done one piece a step. */
function createLoop(work: string[], onStep: (loop: StepLoop) => void = () => {}) {
  const done: string[] = [];
  const errors: unknown[] = [];
  const loop: StepLoop = new StepLoop({
    step() {
      const piece = work.shift();
      if (piece !== undefined) done.push(piece);
      onStep(loop);
      return Promise.resolve(piece !== undefined);
    },
    rest: () => Promise.resolve(),
    onError: (error) => errors.push(error),
  });
  return { loop, done, errors };
}

Deno.test("StepLoop.wake() steps until there is nothing to do", async () => {
  const { loop, done } = createLoop(["a", "b"]);
  await loop.wake();
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("StepLoop.wake() does not lose work that comes while the last step ends", async () => {
  const work: string[] = [];
  let isLate = true;
  const { loop, done } = createLoop(work, (loop) => {
    if (!isLate) return;
    isLate = false;
    // The step has found nothing, and the loop has not heard of it yet.
    work.push("late");
    void loop.wake();
  });
  await loop.wake();
  assert.deepEqual(done, ["late"]);
});

Deno.test("StepLoop.wake() runs one loop however often it is called", async () => {
  const { loop, done } = createLoop(["a", "b", "c"]);
  await Promise.all([loop.wake(), loop.wake(), loop.wake()]);
  assert.deepEqual(done, ["a", "b", "c"]);
});

Deno.test("StepLoop.wake() reports a failed step and can be woken again", async () => {
  let isFirst = true;
  const { loop, done, errors } = createLoop(["a", "b"], () => {
    if (!isFirst) return;
    isFirst = false;
    throw new Error("no device");
  });
  await loop.wake();
  await loop.wake();
  assert.deepEqual(errors.map(String), ["Error: no device"]);
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("StepLoop.wake() does what can wait, and work that comes meanwhile first", async () => {
  const work = ["a"];
  const idle = ["later", "last"];
  const done: string[] = [];
  const loop: StepLoop = new StepLoop({
    step() {
      const piece = work.shift();
      if (piece !== undefined) done.push(piece);
      return Promise.resolve(piece !== undefined);
    },
    idle() {
      const piece = idle.shift();
      if (piece === undefined) return Promise.resolve(false);
      done.push(piece);
      if (piece === "later") {
        work.push("b");
        void loop.wake();
      }
      return Promise.resolve(true);
    },
    rest: () => Promise.resolve(),
    onError: () => {},
  });
  await loop.wake();
  assert.deepEqual(done, ["a", "later", "b", "last"]);
});
