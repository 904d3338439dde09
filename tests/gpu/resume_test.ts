import assert from "node:assert/strict";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import { output, run, upload, VARIANTS } from "../support/gpu.ts";
import {
  createLayerBench,
  embedRows,
  EPS,
  identity,
  identityQ4,
  residualFor,
  runAndRead,
} from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";

// [T, D]: one block; below, at and above a tile; a real model's.
const SIZES = [[1, 8], [3, 24], [2, 64], [5, 264], [7, 896]] as const;

for (const variant of VARIANTS) {
  Deno.test(`resume() of ${variant.name} takes up rows as they are and leaves their norm`, async (t) => {
    for (const [numTokens, size] of SIZES) {
      await t.step(`${numTokens} × ${size}`, async () => {
        const random = createRandom(size);
        const x = randomValues(random, numTokens * size);
        const gamma = randomValues(random, size);
        const bench = createLayerBench(numTokens, variant);
        const reader = identity(size, variant.set);
        const hidden = upload(x);
        const to = residualFor(bench, reader, { hidden, gamma });
        const normed = await runAndRead(bench, [bench.ops.resume(to)], to.normed, reader);
        assert.deepEqual(await run(bench, Promise.resolve([]), hidden, x.length), x);
        const rows = Array.from(
          { length: numTokens },
          (_, row) => Float64Array.from(x.subarray(row * size, (row + 1) * size)),
        );
        assertClose(normed, rows.flatMap((row) => [...rmsNormReference(row, gamma, EPS)]), {
          atol: 1e-6,
          rtol: 3e-6,
        });
      });
    }
  });

  for (const [name, createReader] of [["f32", identity], ["int8", identityQ4]] as const) {
    Deno.test(`resume() of ${variant.name} leaves the bits that embed() left for a layer in ${name}`, async () => {
      const [numTokens, size] = [5, 264];
      const x = randomValues(createRandom(3), numTokens * size);
      const bench = createLayerBench(numTokens, variant);
      const reader = createReader(size, variant.set);
      const hidden = output(x.length);
      const to = residualFor(bench, reader, { hidden });
      const embedded = await runAndRead(
        bench,
        [embedRows(bench, variant, x, to)],
        to.normed,
        reader,
      );
      const resumed = await runAndRead(bench, [bench.ops.resume(to)], to.normed, reader);
      assert.deepEqual(resumed, embedded);
    });
  }
}
