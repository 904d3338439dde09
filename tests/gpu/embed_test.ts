import type { Elem } from "../../kernels/mod.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import { createBench, denseMatrix, output, q4Matrix, run, VARIANTS } from "../support/gpu.ts";
import { EPS, identity, residualFor, runAndRead } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";

// [T, D]: one block; below, at and above a group and a tile; odd ones; rows that take two lines of a texture; a real model's.
const SIZES: [number, number][] = [
  [1, 8],
  [3, 24],
  [2, 32],
  [2, 64],
  [5, 264],
  [57, 1000],
  [1, 896],
  [2, 2056],
  [9, 352],
];

const TABLES = VARIANTS.flatMap((variant) =>
  (["dense", "q4"] as const).flatMap((format) =>
    (["f32", "f16"] as const).map((elem: Elem) => ({ variant, format, elem }))
  )
);

for (const { variant, format, elem } of TABLES) {
  Deno.test(`embed() on a ${format} ${elem} table of ${variant.name} copies the rows of the tokens and leaves their norm`, async (t) => {
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const random = createRandom(size + 1);
        const numRows = size === 352 ? 20501 : 143; // a vocabulary's rows are stored otherwise by the software set
        const { matrix, values } = format === "q4"
          ? q4Matrix(random, numRows, size, elem, variant.set)
          : denseMatrix(randomValues(random, numRows * size), numRows, elem, variant.set);
        const ids = Array.from({ length: numTokens }, (_, i) => (i * 2505 + 10) % numRows);
        const bench = createBench(
          ids.map((id, i) => ({ id, position: i, slot: i, sequence: 0 })),
          { variant, logitsRows: ids.map((_, i) => i) },
        );
        const hidden = output(numTokens * size);
        const gamma = randomValues(random, size);
        const reader = identity(size, variant.set);
        const to = residualFor(bench, reader, { hidden, gamma });
        const dispatches = [bench.ops.embed(matrix, to, { scale: 2 })];
        const normed = await runAndRead(bench, dispatches, to.normed, reader);
        const rows = ids.map((id) =>
          Float64Array.from(values.subarray(id * size, (id + 1) * size), (value) => 2 * value)
        );
        // A copy: exact for dense; one rounded product for q4.
        assertClose(
          await run(bench, Promise.resolve([]), hidden, numTokens * size),
          rows.flatMap((row) => [...row]),
          { atol: 0, rtol: format === "q4" ? 1e-7 : 0 },
        );
        // One f32 sum of up to 2,056 squares, and one square root.
        assertClose(normed, rows.flatMap((row) => [...rmsNormReference(row, gamma, EPS)]), {
          atol: 1e-6,
          rtol: 3e-6,
        });
      });
    }
  });
}
