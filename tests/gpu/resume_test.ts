import assert from "node:assert/strict";
import { selectRows } from "../../engine/ops/mod.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import { device, output, run, upload, VARIANTS } from "../support/gpu.ts";
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

const SOFTWARE = VARIANTS.find(({ set }) => set.name === "software")!;

Deno.test("logits() of some rows of a head gives the bits that all rows give", async () => {
  const [numTokens, numRows, size] = [3, 201, 64];
  const { matrices } = SOFTWARE.set;
  const random = createRandom(5);
  const bytes = new Uint8Array(randomValues(random, numRows * size).buffer);
  const layout = { numRows, numCols: size, format: "dense", elem: "f32" } as const;
  const bench = createLayerBench(numTokens, SOFTWARE);
  const x = randomValues(random, numTokens * size);
  const hidden = upload(x);
  const compute = async (range: { first: number; end: number } | null) => {
    const created = matrices.create(device, "head", {
      ...layout,
      ...(range && { ranges: [range] }),
    });
    matrices.write(device, created, 0, bytes.slice());
    const weight = range ? selectRows(created, range) : created;
    const to = residualFor(bench, weight, { hidden });
    const y = output(numTokens * weight.numRows);
    const dispatches = [
      ...await bench.ops.resume(to),
      ...await bench.ops.logits(to.normed, weight, y),
    ];
    return await run(bench, Promise.resolve(dispatches), y, numTokens * weight.numRows);
  };
  const all = await compute(null);
  for (const range of [{ first: 0, end: 128 }, { first: 128, end: numRows }]) {
    const length = range.end - range.first;
    const some = await compute(range);
    for (let row = 0; row < numTokens; row++) {
      assert.deepEqual(
        some.subarray(row * length, (row + 1) * length),
        all.subarray(row * numRows + range.first, row * numRows + range.end),
      );
    }
  }
});

Deno.test("selectRows() refuses rows that are not whole parts", () => {
  const layout = { numRows: 128, numCols: 8, format: "dense", elem: "f32" } as const;
  const matrix = SOFTWARE.set.matrices.create(device, "head", layout);
  assert.throws(() => selectRows(matrix, { first: 0, end: 64 }), /not held as rows 0 to 64/);
});
