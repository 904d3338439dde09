import { destroyResources, type SlotOf } from "../../engine/gpu/mod.ts";
import { type AttentionOptions, type KvLayer, SOFTWARE_SET } from "../../engine/ops/mod.ts";
import type { Elem } from "../../kernels/mod.ts";
import { attentionReference } from "../reference/attention.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import { createBench, createKvLayer, device, output, upload, VARIANTS } from "../support/gpu.ts";
import { embedRows, EPS, identity, residualFor, runAndRead } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

const BLOCK_SIZE = 16;
const SIZES = { numHeads: 6, numKvHeads: 2, headDim: 16 };
const Q_SIZE = SIZES.numHeads * SIZES.headDim;
const KV_SIZE = SIZES.numKvHeads * SIZES.headDim;
const ROW_SIZE = Q_SIZE + 2 * KV_SIZE;
const LENGTH = 150;

/** HEADROOM of kernels/software/attention.ts. */
const HEADROOM = 40;

const VARIANT = VARIANTS.find(({ set }) => set === SOFTWARE_SET)!;

/** Two sequences over shuffled blocks. */
const NUM_BLOCKS = 2 * Math.ceil(LENGTH / BLOCK_SIZE);
const BLOCKS = [0, 1].map((sequence) =>
  Array.from({ length: NUM_BLOCKS / 2 }, (_, i) => (2 * i * 7 + sequence) % NUM_BLOCKS)
);

const X = [0, 1].map((sequence) => randomValues(createRandom(sequence + 1), LENGTH * ROW_SIZE));

interface Options extends Pick<AttentionOptions, "scale" | "softCap" | "window"> {
  /** Added to each of {@linkcode BLOCKS}. @default 0 */
  firstBlock?: number;
}

/** [sequence, position] of each token of a batch. */
type Batch = readonly (readonly [sequence: number, position: number])[];

function range(sequence: number, first: number, end: number): Batch {
  return Array.from({ length: end - first }, (_, i) => [sequence, first + i] as const);
}

function createKv(elem: Elem): KvLayer {
  const { numKvHeads, headDim } = SIZES;
  return createKvLayer(SOFTWARE_SET, {
    ...{ elem, numKvHeads, headDim },
    blockSize: BLOCK_SIZE,
    numBlocks: NUM_BLOCKS,
  });
}

/** Runs one step of these tokens on the cache as earlier steps left it; each token's outputs. */
async function attend(
  kv: KvLayer,
  batch: Batch,
  { firstBlock = 0, ...options }: Options,
): Promise<Float32Array[]> {
  const blockTables = BLOCKS.map((blocks) => blocks.map((block) => firstBlock + block));
  const tokens = batch.map(([sequence, position], id) => {
    const block = blockTables[sequence]![Math.floor(position / BLOCK_SIZE)]!;
    return { id, position, slot: block * BLOCK_SIZE + position % BLOCK_SIZE, sequence };
  });
  const bench = createBench(tokens, {
    blockTables,
    logitsRows: tokens.map(({ id }) => id),
    variant: VARIANT,
  });
  const x = Float32Array.from(batch.flatMap(([sequence, position]) => [
    ...X[sequence]!.subarray(position * ROW_SIZE, (position + 1) * ROW_SIZE),
  ]));
  const weight = identity(ROW_SIZE, SOFTWARE_SET);
  const reader = identity(Q_SIZE, SOFTWARE_SET);
  const to = residualFor(bench, weight, { hidden: output(x.length) });
  const attended = bench.ops.activation("attended", reader);
  const { headDim } = SIZES;
  const noTurn = Float32Array.from({ length: LENGTH * headDim }, (_, i) => i % headDim < 8 ? 1 : 0);
  const y = await runAndRead(
    bench,
    [
      embedRows(bench, VARIANT, x, to),
      bench.ops.attention(to.normed, { weight, cosSin: upload(noTurn) }, kv, attended, {
        ...SIZES,
        rotaryDim: headDim,
        ...options,
      }),
    ],
    attended,
    reader,
  );
  bench.ops.destroy();
  return batch.map((_, t) => y.slice(t * Q_SIZE, (t + 1) * Q_SIZE));
}

const CASES: [Elem, Options][] = [
  ["f16", { scale: 0.5 }],
  ["f32", { scale: 0.5, window: 41, softCap: 3 }],
  ["f32", { scale: 16 }], // some queries need their second pass, others do not
];

for (const [elem, options] of CASES) {
  Deno.test(`attention of the software set on a ${elem} cache, ${JSON.stringify(options)}, gives a token the same bits in every batch`, async (t) => {
    const kv = createKv(elem);
    const all = [
      await attend(kv, range(0, 0, LENGTH), options),
      await attend(kv, range(1, 0, LENGTH), options),
    ];
    assert.ok(all.flat().every((row) => row.every(Number.isFinite)));
    const batches: [string, Batch][] = [
      ["the first one", range(0, 0, 1)],
      ["the last one", range(0, LENGTH - 1, LENGTH)],
      ["at both sides of eight and of a block", [7, 8, 15, 16, 63, 64].map((p) => [0, p])],
      ["a chunk", range(1, 50, 66)],
      ["chunks of two sequences", [...range(0, 139, 150), ...range(1, 30, 51)]],
      ["tokens of two sequences in turn", range(0, 90, 110).map(([, p]) => [p % 2, p] as const)],
    ];
    for (const [name, batch] of batches) {
      await t.step(name, async () => {
        const actual = await attend(kv, batch, options);
        assert.deepEqual(actual, batch.map(([sequence, position]) => all[sequence]![position]));
      });
    }
  });
}

Deno.test("attention of the software set finds a sequence in all chunks of a cache, and what it had before it grew", async () => {
  const { numKvHeads, headDim } = SIZES;
  const options = { scale: 0.5 };
  const layout = { elem: "f16", numKvHeads, headDim, blockSize: BLOCK_SIZE } as const;
  const expected = await attend(createKv("f16"), range(0, 0, LENGTH), options);
  const cache = SOFTWARE_SET.createKvCache(device, { ...layout, numBlocks: 40_000 }, 1);
  const [kv] = cache.layers as [KvLayer];
  const { stack } = kv.keys as SlotOf<GPUTexture>;
  assert.ok(stack.depthOrArrayLayers > 1, "the cache has one chunk");
  const slotTexels = numKvHeads * headDim / 8;
  const chunkBlocks = stack.width * stack.height / slotTexels / BLOCK_SIZE;
  assert.deepEqual(await attend(kv, range(0, 0, LENGTH), options), expected);
  cache.reserve!(chunkBlocks + NUM_BLOCKS);
  const last = range(0, LENGTH - 1, LENGTH);
  assert.deepEqual(await attend(kv, last, options), [expected.at(-1)]);
  const firstBlock = chunkBlocks - NUM_BLOCKS / 2;
  const ends = BLOCKS[0]!.map((block) => Math.floor((firstBlock + block) / chunkBlocks));
  assert.deepEqual([...new Set(ends)].sort(), [0, 1]);
  const across = { ...options, firstBlock };
  assert.deepEqual(await attend(kv, range(0, 0, LENGTH), across), expected);
  assert.deepEqual(await attend(kv, last, options), [expected.at(-1)]);
  destroyResources([kv.keys, kv.values]);
});

Deno.test("attention of the software set equals f64 where scores rise far above the first ones", async () => {
  const scale = 16;
  const { headDim } = SIZES;
  const kv = createKv("f32");
  const actual = await attend(kv, range(0, 0, LENGTH), { scale });
  const ones = new Float32Array(ROW_SIZE).fill(1);
  const rows = Array.from(
    { length: LENGTH },
    (_, p) => rmsNormReference(X[0]!.subarray(p * ROW_SIZE, (p + 1) * ROW_SIZE), ones, EPS),
  );
  const keys = rows.map((row) => row.slice(Q_SIZE, Q_SIZE + KV_SIZE));
  const values = rows.map((row) => row.slice(Q_SIZE + KV_SIZE));
  for (const position of [0, 7, 8, 100, LENGTH - 1]) {
    const expected = attentionReference(
      rows[position]!.subarray(0, Q_SIZE),
      keys.slice(0, position + 1),
      values.slice(0, position + 1),
      SIZES,
      scale,
    );
    // Scores of up to 500 have steps of 2^-16, and so have the exponents of weights.
    assertClose(actual[position]!, expected, { atol: 5e-4, rtol: 5e-4 });
  }
  const risesOf = (position: number) =>
    Array.from({ length: SIZES.numHeads }, (_, head) => {
      const query = rows[position]!.subarray(head * headDim, (head + 1) * headDim);
      const first = Math.floor(head / (SIZES.numHeads / SIZES.numKvHeads)) * headDim;
      const scores = keys.slice(0, position + 1).map((key) =>
        query.reduce((sum, value, c) => sum + value * key[first + c]! * scale, 0)
      );
      return Math.max(...scores) - scores[0]!;
    });
  const rises = [7, LENGTH - 1].map(risesOf);
  assert.ok(
    rises.flat().some((rise) => rise > 2.5 * HEADROOM),
    `no weight would overflow: ${rises}`,
  );
  assert.ok(
    rises.flat().some((rise) => rise < HEADROOM),
    `every head has its second pass: ${rises}`,
  );
});
