import type { Elem } from "../../kernels/mod.ts";
import { GPU_SET, type KvLayer } from "../../engine/ops/mod.ts";
import { attentionReference } from "../reference/attention.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import { createBench, createKvLayer, output, run, upload, VARIANTS } from "../support/gpu.ts";
import { embedRows, EPS, identity, residualFor } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

const BLOCK_SIZE = 16;
const SIZES = { numHeads: 2, numKvHeads: 1, headDim: 16 };
const ROW_SIZE = (SIZES.numHeads + 2 * SIZES.numKvHeads) * SIZES.headDim;

/** Beyond two splits of 256 positions, and within a tile of 64. */
const LENGTH = 601;

/** Two sequences over shuffled blocks. */
const NUM_BLOCKS = 2 * Math.ceil(LENGTH / BLOCK_SIZE);
const BLOCKS = [0, 1].map((sequence) =>
  Array.from({ length: NUM_BLOCKS / 2 }, (_, i) => (2 * i * 7 + sequence) % NUM_BLOCKS)
);

/** [sequence, position] of each token of a batch. */
type Batch = readonly (readonly [sequence: number, position: number])[];

const X = [0, 1].map((sequence) => randomValues(createRandom(sequence + 1), LENGTH * ROW_SIZE));

function createKv(elem: Elem): KvLayer {
  const { numKvHeads, headDim } = SIZES;
  return createKvLayer(GPU_SET, {
    elem,
    blockSize: BLOCK_SIZE,
    numBlocks: NUM_BLOCKS,
    numKvHeads,
    headDim,
  });
}

/** Runs one step of these tokens on the cache as earlier steps left it; each token's outputs. */
async function attend(
  kv: KvLayer,
  batch: Batch,
  options: { window?: number; softCap?: number },
): Promise<Float32Array[]> {
  const [variant] = VARIANTS;
  const bench = createBench(
    batch.map(([sequence, position], id) => ({
      id,
      position,
      slot: BLOCKS[sequence]![Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE +
        position % BLOCK_SIZE,
      sequence,
    })),
    { blockTables: BLOCKS, variant: variant! },
  );
  const x = Float32Array.from(batch.flatMap(([sequence, position]) => [
    ...X[sequence]!.subarray(position * ROW_SIZE, (position + 1) * ROW_SIZE),
  ]));
  const { numHeads, headDim } = SIZES;
  const weight = identity(ROW_SIZE, GPU_SET);
  const to = residualFor(bench, weight, { hidden: output(x.length) });
  const attended = bench.ops.activation("attended", identity(numHeads * headDim, GPU_SET));
  const noTurn = Float32Array.from({ length: LENGTH * headDim }, (_, i) => i % headDim < 8 ? 1 : 0);
  const dispatches = [
    ...await embedRows(bench, variant!, x, to),
    ...await bench.ops.attention(to.normed, { weight, cosSin: upload(noTurn) }, kv, attended, {
      ...SIZES,
      rotaryDim: headDim,
      scale: 0.5,
      ...options,
    }),
  ];
  const size = numHeads * headDim;
  const buffer = attended.resources[0] as GPUBuffer;
  const y = await run(bench, Promise.resolve(dispatches), buffer, batch.length * size);
  bench.ops.destroy();
  return batch.map((_, t) => y.slice(t * size, (t + 1) * size));
}

function range(sequence: number, first: number, end: number): Batch {
  return Array.from({ length: end - first }, (_, i) => [sequence, first + i] as const);
}

const CASES: [Elem, { window?: number; softCap?: number }][] = [
  ["f16", {}],
  ["f32", { window: 100, softCap: 3 }],
];

for (const [elem, options] of CASES) {
  const title = `attention over splits on a ${elem} cache, ${JSON.stringify(options)},`;
  Deno.test(`${title} gives a token the same bits in every batch`, async (t) => {
    const kv = createKv(elem);
    const all = [
      await attend(kv, range(0, 0, LENGTH), options),
      await attend(kv, range(1, 0, LENGTH), options),
    ];
    assert.ok(all.flat().every((row) => row.every(Number.isFinite)));
    const batches: [string, Batch][] = [
      ["the last one", range(0, 600, 601)],
      ["at both sides of a tile and of a split", [63, 64, 255, 256, 511, 512].map((p) => [0, p])],
      ["within one split", range(0, 199, 208)],
      ["a chunk", range(1, 250, 266)],
      ["a chunk of many", range(0, 100, 137)],
      ["chunks of two sequences", [...range(0, 590, 601), ...range(1, 300, 321)]],
      ["tokens of two sequences in turn", range(0, 500, 520).map(([, p]) => [p % 2, p] as const)],
    ];
    for (const [name, batch] of batches) {
      await t.step(name, async () => {
        const actual = await attend(kv, batch, options);
        assert.deepEqual(actual, batch.map(([sequence, position]) => all[sequence]![position]));
      });
    }
  });

  Deno.test(`${title} equals f64`, async () => {
    const kv = createKv(elem);
    const chunks = await attend(kv, range(0, 0, LENGTH), options);
    const { numHeads, headDim } = SIZES;
    const ones = new Float32Array(ROW_SIZE).fill(1);
    const rows = Array.from(
      { length: LENGTH },
      (_, p) => rmsNormReference(X[0]!.subarray(p * ROW_SIZE, (p + 1) * ROW_SIZE), ones, EPS),
    );
    const round = elem === "f16" ? Math.f16round : Math.fround;
    const keys = rows.map((row) => row.slice(numHeads * headDim, -headDim).map(round));
    const values = rows.map((row) => row.slice(-headDim).map(round));
    for (const position of [0, 63, 64, 255, 256, 600]) {
      const expected = attentionReference(
        rows[position]!.subarray(0, numHeads * headDim),
        keys.slice(0, position + 1),
        values.slice(0, position + 1),
        SIZES,
        0.5,
        options,
      );
      // A key on the edge between two f16 may fall to either side.
      const tolerance = elem === "f16" ? 1e-3 : 2e-5;
      assertClose(chunks[position]!, expected, { atol: tolerance, rtol: tolerance });
      const [alone] = await attend(kv, [[0, position]], options);
      assertClose(alone!, expected, { atol: tolerance, rtol: tolerance });
    }
  });
}
