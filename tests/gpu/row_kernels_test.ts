import { rmsNormReference } from "../reference/norm.ts";
import { gegluReference, swigluReference } from "../reference/gated_activation.ts";
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

// [T, D]: one four; below, at and above a workgroup; odd ones; a real model's.
const SIZES: [number, number][] = [[1, 4], [3, 28], [2, 32], [2, 256], [5, 260], [57, 1004], [
  1,
  896,
]];

for (const variant of VARIANTS.slice(0, 2)) {
  Deno.test(`rmsNorm() by ${variant.name} equals f64 at every size`, async (t) => {
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const random = createRandom(size);
        const x = randomValues(random, numTokens * size, 20);
        const w = randomValues(random, size, 2);
        const bench = createBench(plainTokens(numTokens), { variant });
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

Deno.test("rmsNorm() with accumulate adds to what is there", async () => {
  const size = 36;
  const random = createRandom(4);
  const x = randomValues(random, 3 * size);
  const w = randomValues(random, size);
  const initial = randomValues(random, 3 * size);
  const bench = createBench(plainTokens(3));
  const y = upload(initial);
  const options = { size, eps: 1e-6, accumulate: true };
  const expected = [0, 1, 2].flatMap((row) => [
    ...rmsNormReference(x.subarray(row * size, (row + 1) * size), w, 1e-6),
  ]).map((value, i) => value + initial[i]!);
  assertClose(
    await run(bench, bench.ops.rmsNorm(upload(x), upload(w), y, options), y, 3 * size),
    expected,
    { atol: 1e-6, rtol: 2e-6 },
  );
});

Deno.test("rmsNormHeads() normalizes query and key heads and leaves values alone", async (t) => {
  for (const [numHeads, numKvHeads, headDim] of [[1, 1, 8], [7, 2, 24], [16, 8, 128]] as const) {
    await t.step(`${numHeads}/${numKvHeads} heads of ${headDim}`, async () => {
      const random = createRandom(headDim);
      const rowSize = (numHeads + 2 * numKvHeads) * headDim;
      const x = randomValues(random, 3 * rowSize, 5);
      const [q, k] = [randomValues(random, headDim), randomValues(random, headDim)];
      const bench = createBench(plainTokens(3));
      const buffer = upload(x);
      const dispatches = bench.ops.rmsNormHeads(buffer, upload(q), upload(k), {
        numHeads,
        numKvHeads,
        headDim,
        eps: 1e-6,
      });
      const expected = Float64Array.from(x);
      for (let head = 0; head < 3 * (numHeads + 2 * numKvHeads); head++) {
        const place = head % (numHeads + 2 * numKvHeads);
        if (place >= numHeads + numKvHeads) continue;
        const start = head * headDim;
        const own = x.subarray(start, start + headDim);
        expected.set(rmsNormReference(own, place < numHeads ? q : k, 1e-6), start);
      }
      assertClose(await run(bench, dispatches, buffer, 3 * rowSize), expected, {
        atol: 1e-6,
        rtol: 2e-6,
      });
    });
  }
});

for (const activation of ["swiglu", "geglu"] as const) {
  Deno.test(`gatedActivation() with ${activation} equals f64 at every size`, async (t) => {
    const reference = activation === "swiglu" ? swigluReference : gegluReference;
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const x = randomValues(createRandom(size), numTokens * 2 * size, 30);
        const bench = createBench(plainTokens(numTokens));
        const y = output(numTokens * size);
        const expected = Array.from(
          { length: numTokens },
          (_, i) => [...reference(x.subarray(2 * i * size, 2 * (i + 1) * size))],
        ).flat();
        // exp() and tanh() of WGSL may be off by some units in the last place; 1 + tanh cancels near -1.
        assertClose(
          await run(
            bench,
            bench.ops.gatedActivation(upload(x), y, { size, activation }),
            y,
            numTokens * size,
          ),
          expected,
          { atol: activation === "geglu" ? 2e-4 : 1e-6, rtol: 1e-5 },
        );
      });
    }
  });
}

const TABLES = [VARIANTS[0]!, VARIANTS[2]!].flatMap((variant) =>
  (["dense", "q4"] as const).flatMap((format) =>
    (["f32", "f16"] as const).map((elem) => ({ variant, format, elem }))
  )
);

for (const { variant, format, elem } of TABLES) {
  Deno.test(`embed() on a ${format} ${elem} table of ${variant.name} copies the rows of the tokens`, async (t) => {
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const random = createRandom(size + 1);
        const numRows = 43;
        const { matrix, values } = format === "q4"
          ? q4Matrix(random, numRows, size, elem, variant.set)
          : denseMatrix(randomValues(random, numRows * size), numRows, elem, variant.set);
        const ids = Array.from({ length: numTokens }, (_, i) => (i * 5 + 10) % numRows);
        const bench = createBench(
          ids.map((id, i) => ({ id, position: i, slot: i, sequence: 0 })),
          { variant },
        );
        const y = output(numTokens * size);
        const expected = ids.flatMap((id) => [...values.subarray(id * size, (id + 1) * size)]);
        // A copy: exact for dense; one rounded product for q4.
        assertClose(
          await run(bench, bench.ops.embed(matrix, y, { scale: 2 }), y, numTokens * size),
          expected.map((value) => 2 * value),
          { atol: 0, rtol: format === "q4" ? 1e-7 : 0 },
        );
      });
    }
  });
}
