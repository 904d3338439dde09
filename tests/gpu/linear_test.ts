import { roundToInt8Groups } from "../reference/int8_groups.ts";
import { linearReference } from "../reference/linear.ts";
import { gegluReference, swigluReference } from "../reference/gated_activation.ts";
import { rmsNormReference } from "../reference/norm.ts";
import type { Elem } from "../../kernels/mod.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  denseMatrix,
  output,
  q4Matrix,
  run,
  upload,
  type Variant,
  VARIANTS,
} from "../support/gpu.ts";
import {
  createLayerBench,
  embedRows,
  EPS,
  identity,
  identityQ4,
  openGates,
  residualFor,
  runAndRead,
} from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

// [T, N, K]: one; below, at and above a tile of 64 rows and of 8 tokens; odd ones; an odd number of tiles beyond where pairs of
// them are taken; a K that takes two lines of a texture; a real layer's; a vocabulary's.
const SIZES: [number, number, number][] = [
  [1, 1, 8],
  [1, 63, 32],
  [1, 64, 64],
  [3, 65, 40],
  [7, 128, 96],
  [8, 5, 104],
  [9, 7, 104],
  [57, 1001, 104],
  [1, 2100, 40],
  [2, 66, 8200],
  [1, 896, 896],
  [9, 1152, 896],
  [1, 5000, 896], // its weights go up in several pieces
  [1, 20501, 104],
  [1, 20480, 352],
  [9, 20501, 96],
];

// f32 sums of K products of values around 1, behind a norm of K squares: the error grows as K · 2^-24, with the size of the sums.
const TOLERANCE = { atol: 1e-3, rtol: 2e-5 };

interface Case {
  variant: Variant;
  format: "dense" | "q4";
  elem: Elem;
}

const CASES: Case[] = VARIANTS.flatMap((variant) =>
  (["dense", "q4"] as const).flatMap((format) =>
    (["f32", "f16"] as const).map((elem) => ({ variant, format, elem }))
  )
);

function createMatrix(random: () => number, { variant, format, elem }: Case, n: number, k: number) {
  return format === "q4"
    ? q4Matrix(random, n, k, elem, variant.set)
    : denseMatrix(randomValues(random, n * k), n, elem, variant.set);
}

/**
 * Values that int8 groups hold exactly: multiples of 1/64, at least one of which in a group is ±127/64. On others the shader and
 * a reference could round to different sides.
 */
function int8Values(random: () => number, length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length },
    (_, i) => (i % 8 === 0 ? 127 : Math.floor(random() * 255) - 127) / 64,
  );
}

function normRows(x: Float32Array, gamma: Float32Array): Float64Array {
  const size = gamma.length;
  const rows = Float64Array.from(x);
  for (let t = 0; t < rows.length; t += size) {
    rows.set(rmsNormReference(x.subarray(t, t + size), gamma, EPS), t);
  }
  return rows;
}

for (const each of CASES) {
  const { variant, format, elem } = each;
  const title = `${format} ${elem} weights of ${variant.name}`;

  Deno.test(`logits() on ${title} equals the f64 sum of the norm at every size`, async (t) => {
    for (const [numTokens, numRows, numCols] of SIZES) {
      await t.step(`${numTokens} × ${numRows} × ${numCols}`, async () => {
        const random = createRandom(numTokens * 7919 + numRows * 31 + numCols);
        const x = int8Values(random, numTokens * numCols);
        const gamma = new Float32Array(numCols).fill(0.5);
        const { matrix, values } = createMatrix(random, each, numRows, numCols);
        const bench = createLayerBench(numTokens, variant);
        const to = {
          ...residualFor(bench, matrix, { hidden: output(numTokens * numCols), gamma }),
          isLast: true,
        };
        const y = output(numTokens * numRows);
        const softCap = numRows === 65 ? 20 : 0;
        const dispatches = [
          ...await embedRows(bench, variant, x, to),
          ...await bench.ops.logits(to.normed, matrix, y, softCap ? { softCap } : {}),
        ];
        const sums = linearReference(normRows(x, gamma), values, { numTokens, numRows, numCols });
        assertClose(
          await run(bench, Promise.resolve(dispatches), y, numTokens * numRows),
          softCap ? sums.map((sum) => softCap * Math.tanh(sum / softCap)) : sums,
          TOLERANCE,
        );
      });
    }
  });

  const numRows = variant.set.name === "software" ? 20501 : 75; // a vocabulary's rows are stored otherwise there
  Deno.test(`logits() on ${title} gives a row the same bits in any batch`, async () => {
    const random = createRandom(5);
    const [numTokens, numCols] = [10, 352];
    const x = randomValues(random, numTokens * numCols);
    const { matrix } = createMatrix(random, each, numRows, numCols);
    const logitsOf = async (rows: Float32Array<ArrayBuffer>) => {
      const count = rows.length / numCols;
      const bench = createLayerBench(count, variant);
      const to = { ...residualFor(bench, matrix, { hidden: output(rows.length) }), isLast: true };
      const y = output(count * numRows);
      const embedded = await embedRows(bench, variant, rows, to);
      const dispatches = [...embedded, ...await bench.ops.logits(to.normed, matrix, y)];
      return await run(bench, Promise.resolve(dispatches), y, count * numRows);
    };
    const together = await logitsOf(x);
    for (let t = 0; t < numTokens; t++) {
      assert.deepEqual(
        await logitsOf(x.slice(t * numCols, (t + 1) * numCols)),
        together.slice(t * numRows, (t + 1) * numRows),
      );
    }
  });

  Deno.test(`addLinear() on ${title} adds to the residual stream and leaves its norm`, async (t) => {
    for (const [numTokens, size] of [[1, 8], [3, 72], [8, 64], [9, 136], [1, 896]] as const) {
      for (const hasPostNorm of [false, true]) {
        await t.step(
          `${numTokens} × ${size}${hasPostNorm ? " behind a norm" : ""}`,
          () => compareAddLinear(each, numTokens, size, hasPostNorm),
        );
      }
    }
  });

  Deno.test(`gatedLinear() on ${title} equals f64 for both activations`, async (t) => {
    for (const [numTokens, size] of [[1, 8], [3, 72], [9, 136], [1, 896]] as const) {
      for (const activation of ["swiglu", "geglu"] as const) {
        await t.step(`${numTokens} × ${size} ${activation}`, async () => {
          const random = createRandom(size);
          const x = int8Values(random, numTokens * size);
          const { matrix, values } = createMatrix(random, each, 2 * size, size);
          const bench = createLayerBench(numTokens, variant);
          const to = residualFor(bench, matrix, { hidden: output(numTokens * size) });
          const reader = identity(size, variant.set);
          const gated = bench.ops.activation("gated", reader);
          const actual = await runAndRead(
            bench,
            [
              embedRows(bench, variant, x, to),
              bench.ops.gatedLinear(to.normed, matrix, gated, { activation }),
            ],
            gated,
            reader,
          );
          const sizes = { numTokens, numRows: 2 * size, numCols: size };
          const ones = new Float32Array(size).fill(1);
          const sums = linearReference(normRows(x, ones), values, sizes);
          const reference = activation === "swiglu" ? swigluReference : gegluReference;
          const expected = Array.from(
            { length: numTokens },
            (_, i) => [...reference(sums.subarray(2 * i * size, 2 * (i + 1) * size))],
          ).flat();
          // Products of two sums; exp() and tanh() may be off by some units in the last place.
          assertClose(actual, expected, { atol: 5e-3, rtol: 5e-5 });
        });
      }
    }
  });
}

async function compareAddLinear(
  each: Case,
  numTokens: number,
  size: number,
  hasPostNorm: boolean,
): Promise<void> {
  const { variant, format } = each;
  const random = createRandom(size + numTokens);
  const x = int8Values(random, numTokens * size);
  const { matrix, values } = createMatrix(random, each, size, size);
  const bench = createLayerBench(numTokens, variant);
  const hidden = output(numTokens * size);
  const gates = openGates(size, { format, set: variant.set });
  const before = residualFor(bench, gates, { hidden });
  const gated = bench.ops.activation("gated", matrix);
  const gamma = randomValues(random, size, 2);
  const postGamma = randomValues(random, size);
  const reader = identity(size, variant.set);
  const after = residualFor(bench, reader, { hidden, gamma });
  const postNorm = { weight: upload(postGamma), eps: EPS };
  const normed = await runAndRead(
    bench,
    [
      embedRows(bench, variant, x, before),
      bench.ops.gatedLinear(before.normed, gates, gated, { activation: "swiglu" }),
      bench.ops.addLinear(gated, matrix, after, hasPostNorm ? { postNorm } : {}),
    ],
    after.normed,
    reader,
  );
  const ones = new Float32Array(size).fill(1);
  const input = normRows(x, ones).map((value, i, row) => 56 * row[i - i % size]! * value);
  const sizes = { numTokens, numRows: size, numCols: size };
  let sums = linearReference(input, values, sizes);
  if (hasPostNorm) sums = normRows(Float32Array.from(sums), postGamma);
  const expected = Float32Array.from(sums, (sum, i) => sum + x[i]!);
  // Sums of up to 896 products of values around 56.
  const tolerance = { atol: 2e-2, rtol: 5e-5 };
  const length = numTokens * size;
  assertClose(await run(bench, Promise.resolve([]), hidden, length), expected, tolerance);
  assertClose(normed, normRows(expected, gamma), { atol: 1e-3, rtol: 1e-4 });
}

Deno.test("logits() reads only as many rows as want logits", async (t) => {
  for (const variant of VARIANTS) {
    await t.step(variant.name, async () => {
      const random = createRandom(11);
      const [numRows, numCols] = [40, 64];
      const x = randomValues(random, 9 * numCols);
      const each: Case = { variant, format: "dense", elem: "f32" };
      const { matrix, values } = createMatrix(random, each, numRows, numCols);
      const bench = createLayerBench(9, variant, [3, 8]);
      const to = { ...residualFor(bench, matrix, { hidden: output(9 * numCols) }), isLast: true };
      const y = upload(new Float32Array(9 * numRows).fill(5));
      const dispatches = [
        ...await embedRows(bench, variant, x, to),
        ...await bench.ops.logits(to.normed, matrix, y),
      ];
      const result = await run(bench, Promise.resolve(dispatches), y, 9 * numRows);
      const wanted = [3, 8].flatMap((row) => [...x.subarray(row * numCols, (row + 1) * numCols)]);
      const normed = normRows(Float32Array.from(wanted), new Float32Array(numCols).fill(1));
      assertClose(
        result.slice(0, 2 * numRows),
        linearReference(normed, values, { numTokens: 2, numRows, numCols }),
        TOLERANCE,
      );
      assert.deepEqual(result.slice(2 * numRows), new Float32Array(7 * numRows).fill(5));
    });
  }
});

Deno.test("the software set rounds activations of q4 f16 layers to int8 groups", async () => {
  const variant = VARIANTS.find(({ set }) => set.name === "software")!;
  const [numTokens, size] = [9, 136];
  const x = randomValues(createRandom(3), numTokens * size);
  x.fill(0, 32, 64); // a group of zeros
  const bench = createLayerBench(numTokens, variant);
  const reader = identityQ4(size, variant.set);
  const to = { ...residualFor(bench, reader, { hidden: output(x.length) }), isLast: true };
  const actual = await runAndRead(
    bench,
    [embedRows(bench, variant, x, to)],
    to.normed,
    reader,
  );
  const normed = normRows(x, new Float32Array(size).fill(1));
  for (let t = 0; t < numTokens; t++) {
    const row = normed.subarray(t * size, (t + 1) * size);
    const rounded = roundToInt8Groups(row);
    const own = actual.subarray(t * size, (t + 1) * size);
    let numOff = 0; // values on the edge between two steps may fall to either side
    own.forEach((value, i) => {
      const step = Math.max(...row.subarray(i - i % 32, i - i % 32 + 32).map(Math.abs)) / 127;
      assert.ok(Math.abs(value - row[i]!) <= 0.501 * step, `${value} for ${row[i]}`);
      if (Math.abs(value - rounded[i]!) > 1e-5) numOff++;
    });
    assert.ok(numOff <= 1, `${numOff} values of row ${t} are another step`);
  }
});
