import type { Elem } from "../../kernels/mod.ts";
import { createBufferMatrices, createSplit } from "../../engine/ops/buffer_matrices.ts";
import { createGpuOperations } from "../../engine/ops/gpu_operations.ts";
import {
  DEFAULT_LINEAR_SHAPE,
  DEFAULT_SHAPES,
  type LinearShape,
} from "../../engine/ops/gpu_shapes.ts";
import { GPU_SET, type KernelSet, type Matrix, type MatrixStore } from "../../engine/ops/mod.ts";
import { linearReference } from "../reference/linear.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  type Bench,
  createKvLayer,
  denseMatrix,
  device,
  output,
  q4Matrix,
  run,
  upload,
  type Variant,
} from "../support/gpu.ts";
import { createLayerBench, embedRows, EPS, residualFor } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

/** Tokens of the largest batch: more than one tile of a gemm. */
const MAX_TOKENS = 40;

/** Each number of tokens of a form, and one more. */
const BATCHES = [1, 2, 3, 4, 5, 8, 9, 16, 17];

const FORMATS = (["q4", "dense"] as const).flatMap((format) =>
  (["f16", "f32"] as const).map((elem: Elem) => ({ format, elem }))
);

/** Rows of a whole and of a begun block; groups that the lanes share evenly and not; a K that ends within a group. */
const SIZES = [{ numRows: 24, numCols: 256 }, { numRows: 72, numCols: 360 }];

function variantOf(
  shape: Partial<LinearShape>,
  options: { numLanes?: number; set?: Partial<KernelSet> } = {},
): Variant {
  const { numLanes = 8, set } = options;
  const linear = () => ({ ...DEFAULT_LINEAR_SHAPE, ...shape });
  return {
    name: JSON.stringify(shape),
    set: { ...GPU_SET, matrices: createBufferMatrices(numLanes), ...set },
    createOperations: (step, maxStepTokens) =>
      createGpuOperations(device, step, { maxStepTokens }, {
        ...DEFAULT_SHAPES.gpu,
        linear,
      }),
  };
}

if (!device.hasSubgroups || device.info.minSubgroupSize < 8) {
  console.warn(
    "gpu_linear_test leaves out lanes that are added by shuffles: subgroups are absent or small",
  );
}

/** Every number that may be tuned, each away from its default at least once. */
const SHAPES: Variant[] = [
  variantOf({ rows: 1, rowThreads: 1 }),
  variantOf({ rows: 2, rowThreads: 4, gemmColumns: 8, gemmRowLanes: 8 }),
  variantOf({ rows: 4, rowThreads: 8 }),
  ...(device.hasSubgroups && device.info.minSubgroupSize >= 8
    ? ([1, 2, 4] as const).map((rows) => variantOf({ rows, rowThreads: 2, hasSubgroups: true }))
    : []),
];

type Format = (typeof FORMATS)[number];

function createMatrix(
  { format, elem }: Format,
  { numRows, numCols }: { numRows: number; numCols: number },
  set: KernelSet,
): { matrix: Matrix; values: Float32Array } {
  const random = createRandom(numRows + numCols);
  return format === "q4"
    ? q4Matrix(random, numRows, numCols, elem, set)
    : denseMatrix(randomValues(random, numRows * numCols), numRows, elem, set);
}

/** The three ways in which a layer ends, on the first `numTokens` rows of x; each result [T, …] in rows. */
async function runEnds(
  variant: Variant,
  format: Format,
  sizes: (typeof SIZES)[number],
  numTokens: number,
): Promise<Float32Array[][]> {
  const { numRows, numCols } = sizes;
  const x = randomValues(createRandom(1), MAX_TOKENS * numCols).slice(0, numTokens * numCols);
  const { matrix } = createMatrix(format, sizes, variant.set);
  const square = createMatrix(format, { numRows: numCols, numCols: numRows / 2 }, variant.set);
  const bench = createLayerBench(numTokens, variant);
  const hidden = output(x.length);
  const to = residualFor(bench, matrix, { hidden });
  const gated = bench.ops.activation("gated", square.matrix);
  const logits = output(numTokens * numRows);
  const dispatches = [
    ...await embedRows(bench, variant, x, to),
    ...await bench.ops.logits(to.normed, matrix, logits, { softCap: 30 }),
    ...await bench.ops.gatedLinear(to.normed, matrix, gated, { activation: "swiglu" }),
    ...await bench.ops.addLinear(gated, square.matrix, to),
  ];
  const rowsOf = async (buffer: GPUBuffer, size: number) => {
    const all = await run(bench, Promise.resolve([]), buffer, numTokens * size);
    return Array.from({ length: numTokens }, (_, t) => all.slice(t * size, (t + 1) * size));
  };
  await run(bench, Promise.resolve(dispatches), logits, 1);
  const results = [
    await rowsOf(logits, numRows),
    await rowsOf(gated.resources[0] as GPUBuffer, numRows / 2),
    await rowsOf(hidden, numCols),
  ];
  bench.ops.destroy();
  return results;
}

for (const format of FORMATS) {
  const title = `${format.format} ${format.elem}`;
  Deno.test(`linear layers of ${title} give a token the same bits in every batch and shape`, async (t) => {
    for (const sizes of SIZES) {
      const [first, ...others] = SHAPES;
      const expected = await runEnds(first!, format, sizes, MAX_TOKENS);
      assert.ok(expected.flat().every((row) => row.every(Number.isFinite)));
      for (const numTokens of BATCHES) {
        await t.step(`${numTokens} tokens of ${sizes.numCols}`, async () => {
          const actual = await runEnds(first!, format, sizes, numTokens);
          assert.deepEqual(actual, expected.map((rows) => rows.slice(0, numTokens)));
        });
      }
      // f32 differs from f16 in how weights are unpacked, which no shape changes.
      for (const variant of format.elem === "f16" ? others : []) {
        await t.step(`${variant.name} of ${sizes.numCols}`, async () => {
          for (const numTokens of [1, MAX_TOKENS]) {
            const actual = await runEnds(variant, format, sizes, numTokens);
            assert.deepEqual(actual, expected.map((rows) => rows.slice(0, numTokens)));
          }
        });
      }
    }
  });
}

/** Logits of normed x, compared with f64. */
async function compareLogits(
  bench: Bench,
  variant: Variant,
  { matrix, values }: { matrix: Matrix; values: Float32Array },
): Promise<void> {
  const { numRows, numCols } = matrix;
  const { numTokens } = bench;
  const x = randomValues(createRandom(2), numTokens * numCols);
  const to = residualFor(bench, matrix, { hidden: output(x.length) });
  const y = output(numTokens * numRows);
  const dispatches = [
    ...await embedRows(bench, variant, x, to),
    ...await bench.ops.logits(to.normed, matrix, y),
  ];
  const ones = new Float32Array(numCols).fill(1);
  const normed = Array.from(
    { length: numTokens },
    (_, t) => [...rmsNormReference(x.subarray(t * numCols, (t + 1) * numCols), ones, EPS)],
  ).flat();
  assertClose(
    await run(bench, Promise.resolve(dispatches), y, numTokens * numRows),
    linearReference(normed, values, { numTokens, numRows, numCols }),
    { atol: 1e-3, rtol: 2e-5 }, // f32 sums of up to 2,080 products of values around 1
  );
}

Deno.test("linear layers equal f64 for every number of lanes", async (t) => {
  for (const numLanes of [8, 16, 32, 64]) {
    for (const numCols of [32, 480, 1024, 2080]) {
      await t.step(`${numLanes} lanes, ${numCols} columns`, async () => {
        const variant = variantOf({}, { numLanes });
        for (const format of FORMATS.slice(0, 2)) {
          const weights = createMatrix(format, { numRows: 9, numCols }, variant.set);
          await compareLogits(createLayerBench(6, variant), variant, weights);
        }
      });
    }
  }
});

Deno.test("linear layers on split matrices equal f64", async (t) => {
  for (const format of FORMATS) {
    for (const numTokens of [1, 7]) {
      await t.step(`${format.format} ${format.elem}, ${numTokens} tokens`, async () => {
        const [numRows, numCols] = [21, 72];
        // Two groups of eight rows and one of five.
        const maxBytes = 8 * (format.format === "q4" ? 48 : format.elem === "f16" ? 192 : 384) + 40;
        const matrices = createBufferMatrices(8);
        const createAll = splitter({ maxBytes, numLanes: 8 });
        const variant = variantOf({}, { set: { matrices: { ...matrices, createAll } } });
        const weights = createMatrix(format, { numRows, numCols }, variant.set);
        assert.deepEqual(weights.matrix.parts.map((part) => part.rowOffset), [0, 8, 16]);
        await compareLogits(createLayerBench(numTokens, variant), variantOf({}), weights);
      });
    }
  }
});

/** Creates matrices in parts. */
function splitter(limits: { maxBytes: number; numLanes: number }): MatrixStore["createAll"] {
  return (gpu, layouts) =>
    new Map([...layouts].map(([name, layout]) => [name, createSplit(gpu, name, layout, limits)]));
}

Deno.test("gatedLinear() joins gates and ups of a split matrix as of a whole one", async () => {
  const [numRows, numCols, numTokens] = [48, 64, 3];
  const x = randomValues(createRandom(3), numTokens * numCols);
  const results = await Promise.all([48, 16].map(async (rowsOfPart) => {
    const matrices = createBufferMatrices(8);
    const createAll = splitter({ maxBytes: rowsOfPart * 128, numLanes: 8 });
    const variant = variantOf({}, { set: { matrices: { ...matrices, createAll } } });
    const { matrix } = createMatrix(
      { format: "dense", elem: "f16" },
      { numRows, numCols },
      variant.set,
    );
    assert.equal(matrix.parts.length, numRows / rowsOfPart);
    const bench = createLayerBench(numTokens, variant);
    const to = residualFor(bench, matrix, { hidden: output(x.length) });
    const size = numRows / 2;
    const down = createMatrix(
      { format: "dense", elem: "f16" },
      { numRows, numCols: size },
      GPU_SET,
    );
    const gated = bench.ops.activation("gated", down.matrix);
    const dispatches = [
      ...await bench.ops.embed(denseMatrix(x, numTokens, "f32", GPU_SET).matrix, to),
      ...await bench.ops.gatedLinear(to.normed, matrix, gated, { activation: "geglu" }),
    ];
    const buffer = gated.resources[0] as GPUBuffer;
    return await run(bench, Promise.resolve(dispatches), buffer, numTokens * size);
  }));
  assertClose(results[1]!, results[0]!, { atol: 1e-6, rtol: 1e-5 });
});

Deno.test("linear layers fold more workgroups than a dispatch has in one dimension", async () => {
  const [numRows, numCols] = [70_001, 8];
  const variant = variantOf({ rows: 1, rowThreads: 1 });
  const weights = createMatrix({ format: "dense", elem: "f16" }, { numRows, numCols }, variant.set);
  await compareLogits(createLayerBench(1, variant), variant, weights);
});

Deno.test("attention's projection adds its bias in every form", async () => {
  const numCols = 64;
  const variant = variantOf({});
  const random = createRandom(9);
  const bias = randomValues(random, 24);
  const { matrix, values } = createMatrix(
    { format: "q4", elem: "f16" },
    { numRows: 24, numCols },
    variant.set,
  );
  for (const numTokens of [1, 3, 6, 20]) {
    const bench = createLayerBench(numTokens, variant);
    const x = randomValues(random, numTokens * numCols);
    const to = residualFor(bench, matrix, { hidden: output(x.length) });
    const attended = bench.ops.activation(
      "attended",
      createMatrix({ format: "dense", elem: "f32" }, { numRows: 8, numCols: 8 }, variant.set)
        .matrix,
    );
    const kv = createKvLayer(GPU_SET, {
      elem: "f32",
      blockSize: 32,
      numBlocks: 1,
      numKvHeads: 1,
      headDim: 8,
    });
    const dispatches = [
      ...await embedRows(bench, variant, x, to),
      ...await bench.ops.attention(
        to.normed,
        { weight: matrix, bias: upload(bias), cosSin: upload(new Float32Array(32 * 8).fill(0)) },
        kv,
        attended,
        { numHeads: 1, numKvHeads: 1, headDim: 8, rotaryDim: 8, scale: 1 },
      ),
    ];
    await run(bench, Promise.resolve(dispatches), kv.values as GPUBuffer, 1);
    const ones = new Float32Array(numCols).fill(1);
    const normed = Array.from({ length: numTokens }, (_, t) => [
      ...rmsNormReference(x.subarray(t * numCols, (t + 1) * numCols), ones, EPS),
    ]).flat();
    const sums = linearReference(normed, values, { numTokens, numRows: 24, numCols }, { bias });
    const expected = Array.from(
      { length: numTokens },
      (_, t) => [...sums.subarray(24 * t + 16, 24 * t + 24)],
    ).flat();
    const actual = await run(bench, Promise.resolve([]), kv.values as GPUBuffer, numTokens * 8);
    assertClose(actual, expected, { atol: 1e-4, rtol: 2e-5 });
  }
});
