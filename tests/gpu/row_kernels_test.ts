import { rmsNormReference } from "../reference/norm.ts";
import { swigluReference } from "../reference/swiglu.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  createBench,
  denseMatrix,
  output,
  plainTokens,
  q4Matrix,
  run,
  upload,
} from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";

// [T, D]: one four; below, at and above a workgroup; odd ones; a real model's.
const SIZES: [number, number][] = [[1, 4], [3, 28], [2, 32], [2, 256], [5, 260], [57, 1004], [
  1,
  896,
]];

for (const kind of ["gpu", "software"] as const) {
  Deno.test(`rmsNorm() in ${kind} workgroups equals f64 at every size`, async (t) => {
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const random = createRandom(size);
        const x = randomValues(random, numTokens * size, 20);
        const w = randomValues(random, size, 2);
        const bench = createBench(plainTokens(numTokens), { kind });
        const y = output(numTokens * size);
        const dispatches = bench.ops.rmsNorm(upload(x), upload(w), y, { size, eps: 1e-5 });
        const expected = Array.from(
          { length: numTokens },
          (_, i) => [...rmsNormReference(x.subarray(i * size, (i + 1) * size), w, 1e-5)],
        ).flat();
        // One f32 sum of up to 1,004 squares and one square root.
        assertClose(await run(bench, dispatches, y, numTokens * size), expected, {
          atol: 1e-6,
          rtol: 2e-6,
        });
      });
    }
  });
}

Deno.test("rmsNorm() with gather takes the rows that want logits, in their order", async () => {
  const size = 36;
  const random = createRandom(3);
  const x = randomValues(random, 6 * size);
  const w = randomValues(random, size);
  const bench = createBench(plainTokens(6), { logitsRows: [5, 0, 2] });
  const y = output(3 * size);
  const dispatches = bench.ops.rmsNorm(upload(x), upload(w), y, { size, eps: 1e-6, gather: true });
  const expected = [5, 0, 2].flatMap((row) => [
    ...rmsNormReference(x.subarray(row * size, (row + 1) * size), w, 1e-6),
  ]);
  assertClose(await run(bench, dispatches, y, 3 * size), expected, { atol: 1e-6, rtol: 2e-6 });
});

Deno.test("gatedActivation() with swiglu equals f64 at every size", async (t) => {
  for (const [numTokens, size] of SIZES) {
    await t.step(`${numTokens} × ${size}`, async () => {
      const x = randomValues(createRandom(size), numTokens * 2 * size, 30);
      const bench = createBench(plainTokens(numTokens));
      const y = output(numTokens * size);
      const expected = Array.from(
        { length: numTokens },
        (_, i) => [...swigluReference(x.subarray(2 * i * size, 2 * (i + 1) * size))],
      ).flat();
      // exp() of WGSL may be off by 3 + 2|x| units in the last place.
      assertClose(
        await run(
          bench,
          bench.ops.gatedActivation(upload(x), y, { size, activation: "swiglu" }),
          y,
          numTokens * size,
        ),
        expected,
        { atol: 1e-6, rtol: 1e-5 },
      );
    });
  }
});

for (const format of ["dense", "q4"] as const) {
  for (const elem of ["f32", "f16"] as const) {
    Deno.test(`embed() on a ${format} ${elem} table copies the rows of the tokens`, async (t) => {
      for (const [numTokens, size] of SIZES) {
        await t.step(`${numTokens} × ${size}`, async () => {
          const random = createRandom(size + 1);
          const numRows = 11;
          const { matrix, values } = format === "q4"
            ? q4Matrix(random, numRows, size, elem)
            : denseMatrix(randomValues(random, numRows * size), numRows, elem);
          const ids = Array.from({ length: numTokens }, (_, i) => (i * 5 + 10) % numRows);
          const bench = createBench(
            ids.map((id, i) => ({ id, position: i, slot: i, sequence: 0 })),
          );
          const y = output(numTokens * size);
          const expected = ids.flatMap((id) => [...values.subarray(id * size, (id + 1) * size)]);
          // A copy: exact for dense; one rounded product for q4.
          assertClose(
            await run(bench, bench.ops.embed(matrix, y), y, numTokens * size),
            expected,
            { atol: 0, rtol: format === "q4" ? 1e-7 : 0 },
          );
        });
      }
    });
  }
}
