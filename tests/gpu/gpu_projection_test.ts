import type { Elem } from "../../kernels/mod.ts";
import { type BufferPart, createSplit } from "../../engine/ops/buffer_matrices.ts";
import { createGpuLinear } from "../../engine/ops/gpu_linear.ts";
import { FormChoices } from "../../engine/ops/gpu_linear_forms.ts";
import type { LinearInput } from "../../engine/ops/gpu_linear_bindings.ts";
import {
  DEFAULT_LINEAR_SHAPE,
  DEFAULT_SHAPES,
  type LinearShape,
} from "../../engine/ops/gpu_shapes.ts";
import { GPU_SET, joinRows, type Matrix } from "../../engine/ops/mod.ts";
import { linearReference } from "../reference/linear.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { ropeReference } from "../reference/rope.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  createBench,
  createKvLayer,
  device,
  emptyMatrix,
  output,
  q4Matrix,
  run,
  toElem,
  upload,
  VARIANTS,
  writePlane,
} from "../support/gpu.ts";
import { createLayerBench, embedRows, EPS, identity, residualFor } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

/** Half of a head turns; a head is no multiple of a workgroup's rows. */
const SIZES = { numHeads: 3, numKvHeads: 1, headDim: 40, rotaryDim: 24 };
const { numHeads, numKvHeads, headDim, rotaryDim } = SIZES;
const NUM_ROWS = (numHeads + 2 * numKvHeads) * headDim;
const NUM_COLS = 96;

/** Each number of tokens of a form, and one more. */
const BATCHES = [1, 2, 3, 4, 5, 8, 9, 16, 17, 40];
const MAX_TOKENS = 40;

/** Positions count backwards, slots are scattered. */
const TOKENS = Array.from({ length: MAX_TOKENS }, (_, t) => ({
  id: 0,
  position: MAX_TOKENS - 1 - t,
  slot: 7 * t % 48,
  sequence: 0,
}));

const FREQUENCIES = Array.from({ length: rotaryDim / 2 }, (_, i) => 10 ** (-i / 4));
const COS_SIN = Float32Array.from(
  { length: MAX_TOKENS * rotaryDim },
  (_, i) => {
    const angle = Math.floor(i / rotaryDim) * FREQUENCIES[i % (rotaryDim / 2)]!;
    return i % rotaryDim < rotaryDim / 2 ? Math.cos(angle) : Math.sin(angle);
  },
);

const random = createRandom(5);
const X = randomValues(random, MAX_TOKENS * NUM_COLS);
const GAMMA = randomValues(random, NUM_COLS);
const BIAS = randomValues(random, NUM_ROWS);
const Q4 = q4Matrix(random, NUM_ROWS, NUM_COLS, "f16");

/** Queries, keys and values of each of the first `numTokens` tokens. */
async function project(
  weight: Matrix,
  options: { numTokens: number; elem?: Elem; shape?: Partial<LinearShape> },
): Promise<{ query: Float32Array; key: Float32Array; value: Float32Array }[]> {
  const { numTokens, elem = "f32", shape = {} } = options;
  const bench = createBench(TOKENS.slice(0, numTokens));
  const kv = createKvLayer(GPU_SET, {
    elem,
    blockSize: 16,
    numBlocks: 3,
    numKvHeads,
    headDim,
  });
  const query = output(numTokens * numHeads * headDim);
  const input: LinearInput = {
    kind: "normed",
    hidden: upload(X),
    gamma: upload(GAMMA),
    eps: EPS,
    staged: output(numTokens * NUM_COLS),
    factors: output(numTokens),
  };
  const dispatches = createGpuLinear(
    {
      device,
      step: bench.step,
      shapes: {
        ...DEFAULT_SHAPES.gpu,
        linear: () => ({ ...DEFAULT_LINEAR_SHAPE, ...shape }),
      },
      choices: new FormChoices(),
      unused: output(4),
      owned: [],
    },
    {
      input,
      weight,
      output: {
        kind: "rope",
        query,
        kv,
        bias: upload(BIAS),
        cosSin: upload(COS_SIN),
        sizes: SIZES,
      },
    },
  );
  const queries = await run(bench, dispatches, query, numTokens * numHeads * headDim);
  const slots = async (cache: unknown) => {
    const words = await run(
      bench,
      Promise.resolve([]),
      cache as GPUBuffer,
      48 * headDim / (elem === "f16" ? 2 : 1),
    );
    return elem === "f16" ? Float32Array.from(new Float16Array(words.buffer)) : words;
  };
  const [keys, values] = [await slots(kv.keys), await slots(kv.values)];
  bench.ops.destroy();
  return TOKENS.slice(0, numTokens).map(({ slot }, t) => ({
    query: queries.slice(t * numHeads * headDim, (t + 1) * numHeads * headDim),
    key: keys.slice(slot * headDim, (slot + 1) * headDim),
    value: values.slice(slot * headDim, (slot + 1) * headDim),
  }));
}

function reference(values: Float32Array, t: number) {
  const normed = rmsNormReference(X.subarray(t * NUM_COLS, (t + 1) * NUM_COLS), GAMMA, EPS);
  const sizes = { numTokens: 1, numRows: NUM_ROWS, numCols: NUM_COLS };
  const sums = linearReference(normed, values, sizes, { bias: BIAS });
  const head = (h: number) => sums.subarray(h * headDim, (h + 1) * headDim);
  const turned = (h: number) => ropeReference(head(h), TOKENS[t]!.position, FREQUENCIES);
  return {
    query: [0, 1, 2].flatMap((h) => [...turned(h)]),
    key: turned(numHeads),
    value: head(numHeads + 1),
  };
}

/** Sums of 96 products of values around 1; an f16 cache keeps 11 bits. */
const TOLERANCES: Record<Elem, number> = { f32: 1e-4, f16: 2e-2 };

for (const elem of ["f32", "f16"] as const) {
  Deno.test(`a projection that appends to a ${elem} cache equals f64`, async () => {
    for (const numTokens of [1, 3, 6, 40]) {
      const actual = await project(Q4.matrix, { numTokens, elem });
      for (const [t, { query, key, value }] of actual.entries()) {
        const expected = reference(Q4.values, t);
        const atol = TOLERANCES[elem];
        assertClose(query, expected.query, { atol: TOLERANCES.f32, rtol: 2e-5 });
        assertClose(key, expected.key, { atol, rtol: 1e-3 });
        assertClose(value, expected.value, { atol, rtol: 1e-3 });
      }
    }
  });
}

Deno.test("a projection that appends gives a token the same bits in every batch and shape", async (t) => {
  const expected = await project(Q4.matrix, { numTokens: MAX_TOKENS });
  for (const numTokens of BATCHES) {
    await t.step(`${numTokens} tokens`, async () => {
      const actual = await project(Q4.matrix, { numTokens });
      assert.deepEqual(actual, expected.slice(0, numTokens));
    });
  }
  for (const rows of [1, 2, 4] as const) {
    await t.step(`${rows} rows`, async () => {
      const shape = { rows, rowThreads: 8 / rows, gemmColumns: 8, gemmRowLanes: 8 } as const;
      for (const numTokens of [1, MAX_TOKENS]) {
        const actual = await project(Q4.matrix, { numTokens, shape });
        assert.deepEqual(actual, expected.slice(0, numTokens));
      }
    });
  }
});

Deno.test("a projection of three matrices appends as one of their rows does", async () => {
  const { matrix, values } = denseOf([numHeads * headDim, headDim, headDim]);
  const starts = (matrix.parts as readonly BufferPart[]).map(({ rowOffset }) => rowOffset);
  assert.deepEqual(starts, [0, numHeads * headDim, (numHeads + 1) * headDim]);
  for (const numTokens of [2, 7]) {
    const actual = await project(matrix, { numTokens });
    for (const [t, { query, key, value }] of actual.entries()) {
      const expected = reference(values, t);
      assertClose(query, expected.query, { atol: 1e-4, rtol: 2e-5 });
      assertClose(key, expected.key, { atol: 1e-4, rtol: 2e-5 });
      assertClose(value, expected.value, { atol: 1e-4, rtol: 2e-5 });
    }
  }
});

Deno.test("attention() of a projection that is split within heads equals that of a whole one", async () => {
  const values = randomValues(random, NUM_ROWS * NUM_COLS);
  const layout = { numRows: NUM_ROWS, numCols: NUM_COLS, format: "dense", elem: "f32" } as const;
  const results: Float32Array[] = [];
  for (const rowsOfPart of [NUM_ROWS, 64]) {
    const maxBytes = 4 * NUM_COLS * rowsOfPart;
    const weight = createSplit(device, "test", layout, { maxBytes });
    writePlane(GPU_SET.matrices, {
      matrix: weight,
      plane: 0,
      bytes: toElem(values, "f32"),
    });
    assert.equal(weight.parts.length, Math.ceil(NUM_ROWS / rowsOfPart));
    const bench = createLayerBench(3, VARIANTS[0]!);
    const to = residualFor(bench, weight, { hidden: output(3 * NUM_COLS) });
    const y = bench.ops.activation("attended", identity(numHeads * headDim, GPU_SET));
    const kv = createKvLayer(GPU_SET, {
      elem: "f32",
      blockSize: 16,
      numBlocks: 1,
      numKvHeads,
      headDim,
    });
    const projection = { weight, bias: upload(BIAS), cosSin: upload(COS_SIN) };
    const dispatches = [
      ...await embedRows(bench, VARIANTS[0]!, X.slice(0, 3 * NUM_COLS), to),
      ...await bench.ops.attention(to.normed, projection, kv, y, { ...SIZES, scale: 1 }),
    ];
    const buffer = y.resources[0] as GPUBuffer;
    results.push(await run(bench, Promise.resolve(dispatches), buffer, 3 * numHeads * headDim));
    bench.ops.destroy();
  }
  assertClose(results[1]!, results[0]!, { atol: 1e-5, rtol: 1e-5 });
});

/** Matrices of so many rows each, f32, seen as one. */
function denseOf(rows: readonly number[]): { matrix: Matrix; values: Float32Array } {
  const all = rows.map((numRows) => {
    const values = randomValues(random, numRows * NUM_COLS);
    const layout = { numRows, numCols: NUM_COLS, format: "dense", elem: "f32" } as const;
    const matrix = emptyMatrix(layout, GPU_SET.matrices);
    writePlane(GPU_SET.matrices, {
      matrix: matrix,
      plane: 0,
      bytes: toElem(values, "f32"),
    });
    return { matrix, values };
  });
  return {
    matrix: joinRows("qkv", all.map(({ matrix }) => matrix)),
    values: Float32Array.from(all.flatMap(({ values }) => [...values])),
  };
}
