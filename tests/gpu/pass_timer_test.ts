import { type Dispatch, type GpuDevice, PassTimer } from "../../engine/gpu/mod.ts";
import { createLayerBench, embedRows, residualFor } from "../support/layer.ts";
import { denseMatrix, device, output, VARIANTS } from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

const NUM_COLS = 1024;

/** What reads a matrix of so many rows. */
async function createLogits(numRows: number): Promise<Dispatch[]> {
  const [variant] = VARIANTS;
  const bench = createLayerBench(1, variant!);
  const { matrix } = denseMatrix(randomValues(createRandom(1), numRows * NUM_COLS), numRows, "f16");
  const to = residualFor(bench, matrix, { hidden: output(NUM_COLS) });
  await embedRows(bench, variant!, randomValues(createRandom(2), NUM_COLS), to);
  return await bench.ops.logits(to.normed, matrix, output(numRows));
}

const CLOCKS: [string, GpuDevice][] = [
  ["the device's", device],
  ["the host's", Object.create(device, { hasTimestamps: { value: false } })],
];

for (const [clock, timed] of CLOCKS) {
  Deno.test(`PassTimer.time() tells by ${clock} clock what takes longer, and the time of one run`, async () => {
    const shape = { numTokens: 1, numLogits: 1, contextLength: 1 };
    const [small, large] = [await createLogits(64), await createLogits(8192)];
    const timer = new PassTimer(timed);
    for (const dispatches of [small, large]) await timer.time(dispatches, shape);
    const [smallMs, largeMs] = [
      await timer.time(small, shape, 4),
      await timer.time(large, shape, 4),
    ];
    assert.ok(smallMs > 0 && largeMs > 4 * smallMs, `${smallMs} and ${largeMs} ms`);
    // Many runs take longer together, each as long as before; a busy machine may stretch either.
    const oneMs = Math.min(await timer.time(large, shape), await timer.time(large, shape));
    const manyMs = await timer.time(large, shape, 8);
    assert.ok(manyMs < 4 * oneMs && manyMs > oneMs / 4, `${oneMs} and ${manyMs} ms`);
    timer.destroy();
  });
}
