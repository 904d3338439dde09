import { linearReference } from "../reference/linear.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  createBench,
  denseMatrix,
  output,
  plainTokens,
  q4Matrix,
  run,
  upload,
  VARIANTS,
} from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

// [T, N, K]: one; below, at and above a tile; odd ones; a K that is no multiple of a group; a real layer's.
const SIZES: [number, number, number][] = [
  [1, 1, 4],
  [1, 31, 32],
  [1, 32, 64],
  [3, 33, 36],
  [4, 64, 96],
  [5, 7, 100],
  [57, 1001, 100],
  [1, 896, 896],
  [9, 1152, 896],
];

// f32 sums of at most 1,001 products of values up to 1: the error grows as K · 2^-24.
const TOLERANCE = { atol: 2e-4, rtol: 1e-5 };

const CASES = VARIANTS.flatMap((variant) =>
  (["dense", "q4"] as const).flatMap((format) =>
    (["f32", "f16"] as const).map((elem) => ({ variant, format, elem }))
  )
);

for (const { variant, format, elem } of CASES) {
  Deno.test(`linear() on ${format} ${elem} weights of ${variant.name} equals the f64 sum at every size`, async (t) => {
    for (const [numTokens, numRows, numCols] of SIZES) {
      await t.step(`${numTokens} × ${numRows} × ${numCols}`, async () => {
        const random = createRandom(numTokens * 7919 + numRows * 31 + numCols);
        const x = randomValues(random, numTokens * numCols);
        const { matrix, values } = format === "q4"
          ? q4Matrix(random, numRows, numCols, elem, variant.set)
          : denseMatrix(randomValues(random, numRows * numCols), numRows, elem, variant.set);
        const bias = randomValues(random, numRows);
        const initial = randomValues(random, numTokens * numRows);
        const bench = createBench(plainTokens(numTokens), { variant });
        const sizes = { numTokens, numRows, numCols };

        const y = output(numTokens * numRows);
        const plain = bench.ops.linear(upload(x), matrix, y);
        assertClose(
          await run(bench, plain, y, numTokens * numRows),
          linearReference(x, values, sizes),
          TOLERANCE,
        );

        const sum = upload(initial);
        const fused = bench.ops.linear(upload(x), matrix, sum, {
          bias: upload(bias),
          accumulate: true,
        });
        assertClose(
          await run(bench, fused, sum, numTokens * numRows),
          linearReference(x, values, sizes, { bias, initial }),
          TOLERANCE,
        );
      });
    }
  });

  Deno.test(`linear() on ${format} ${elem} weights of ${variant.name} gives a row the same bits in any batch`, async () => {
    const random = createRandom(5);
    const [numRows, numCols] = [75, 352];
    const x = randomValues(random, 6 * numCols);
    const { matrix } = format === "q4"
      ? q4Matrix(random, numRows, numCols, elem, variant.set)
      : denseMatrix(randomValues(random, numRows * numCols), numRows, elem, variant.set);
    const together = createBench(plainTokens(6), { variant });
    const yTogether = output(6 * numRows);
    const all = await run(
      together,
      together.ops.linear(upload(x), matrix, yTogether),
      yTogether,
      6 * numRows,
    );
    for (let t = 0; t < 6; t++) {
      const alone = createBench(plainTokens(1), { variant });
      const y = output(numRows);
      const row = x.slice(t * numCols, (t + 1) * numCols);
      assert.deepEqual(
        await run(alone, alone.ops.linear(upload(row), matrix, y), y, numRows),
        all.slice(t * numRows, (t + 1) * numRows),
      );
    }
  });
}

Deno.test("linear() on the logits rows reads only as many rows as want logits", async () => {
  const random = createRandom(11);
  const [numRows, numCols] = [40, 64];
  const x = randomValues(random, 2 * numCols);
  const { matrix, values } = denseMatrix(randomValues(random, numRows * numCols), numRows, "f32");
  const bench = createBench(plainTokens(9), { logitsRows: [3, 8] });
  const y = upload(new Float32Array(9 * numRows).fill(5));
  const result = await run(
    bench,
    bench.ops.linear(upload(x), matrix, y, { onLogits: true }),
    y,
    9 * numRows,
  );
  assertClose(
    result.slice(0, 2 * numRows),
    linearReference(x, values, { numTokens: 2, numRows, numCols }),
    TOLERANCE,
  );
  assert.deepEqual(result.slice(2 * numRows), new Float32Array(7 * numRows).fill(5));
});
