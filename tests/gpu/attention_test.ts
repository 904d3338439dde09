import type { Elem } from "../../kernels/mod.ts";
import { attentionReference, type AttentionSizes } from "../reference/attention.ts";
import { ropeReference } from "../reference/rope.ts";
import { assertClose } from "../support/assert_close.ts";
import { createBench, device, output, run, upload, VARIANTS } from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";

const BLOCK_SIZE = 16;

const SIZES: AttentionSizes[] = [
  { numHeads: 1, numKvHeads: 1, headDim: 8 },
  { numHeads: 6, numKvHeads: 2, headDim: 32 },
  { numHeads: 3, numKvHeads: 1, headDim: 48 },
  { numHeads: 14, numKvHeads: 2, headDim: 64 },
  { numHeads: 4, numKvHeads: 4, headDim: 80 },
  { numHeads: 2, numKvHeads: 1, headDim: 128 },
  { numHeads: 2, numKvHeads: 1, headDim: 256 },
];

/** What architectures do beside the softmax. */
const OPTIONS = [{}, { softCap: 2 }, { window: 17 }, { window: 64, softCap: 5 }];

// f32 sums of at most 150 weights that add up to 1. An f16 cache rounds keys and values to 11 bits, as the reference does,
// but a key on the edge between two of them may fall to either side: 2^-11 of a score of up to 3.
const TOLERANCE = { f32: { atol: 1e-5, rtol: 1e-5 }, f16: { atol: 1e-3, rtol: 1e-3 } };

/** A prompt of 140 tokens and one of 20 in shuffled blocks, both sides of every tile. */
const SEQUENCES = [
  { blocks: [7, 1, 8, 3, 10, 0, 2, 9, 4], length: 140 },
  { blocks: [6, 5], length: 20 },
];

for (const variant of VARIANTS) {
  for (const elem of ["f32", "f16"] as Elem[]) {
    Deno.test(`attention() of ${variant.name} on a ${elem} cache equals f64 over shuffled blocks`, async (t) => {
      for (const [i, sizes] of SIZES.entries()) {
        const options = OPTIONS[i % OPTIONS.length]!;
        const share = i % 3 === 2 ? 0.5 : 1; // of a head that turns
        const rotaryDim = Math.floor(sizes.headDim * share / 8) * 8;
        await t.step(
          `${sizes.numHeads}/${sizes.numKvHeads} heads of ${sizes.headDim}, ${rotaryDim} turn, ${
            JSON.stringify(options)
          }`,
          () => compare(variant, elem, { ...sizes, rotaryDim, options }),
        );
      }
    });
  }
}

async function compare(
  variant: (typeof VARIANTS)[number],
  elem: Elem,
  { numHeads, numKvHeads, headDim, rotaryDim, options }: AttentionSizes & {
    rotaryDim: number;
    options: { softCap?: number; window?: number };
  },
): Promise<void> {
  const random = createRandom(headDim);
  const sizes = { numHeads, numKvHeads, headDim };
  const half = rotaryDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => 10000 ** (-i / half));
  const table = new Float32Array(140 * rotaryDim);
  for (let p = 0; p < 140; p++) {
    for (let i = 0; i < half; i++) {
      table[p * rotaryDim + i] = Math.cos(p * frequencies[i]!);
      table[p * rotaryDim + half + i] = Math.sin(p * frequencies[i]!);
    }
  }
  const tokens = SEQUENCES.flatMap(({ blocks, length }, sequence) =>
    Array.from({ length }, (_, position) => ({
      id: 0,
      position,
      slot: blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + position % BLOCK_SIZE,
      sequence,
    }))
  );
  const rowSize = (numHeads + 2 * numKvHeads) * headDim;
  const qkv = randomValues(random, tokens.length * rowSize);
  const scale = 3 / Math.sqrt(headDim); // sharper than usual: weights differ by much
  const bench = createBench(tokens, {
    blockTables: SEQUENCES.map(({ blocks }) => blocks),
    variant,
  });
  const kv = variant.set.createKvLayer(device, "test", {
    elem,
    blockSize: BLOCK_SIZE,
    numBlocks: 11,
    numKvHeads,
    headDim,
  });
  const y = output(tokens.length * numHeads * headDim);
  const dispatches = bench.ops.attention(upload(qkv), upload(table), kv, y, {
    ...sizes,
    rotaryDim,
    scale,
    ...options,
  });
  const actual = await run(bench, dispatches, y, tokens.length * numHeads * headDim);

  const round = elem === "f16" ? Math.f16round : Math.fround;
  const expected: number[] = [];
  let keys: Float64Array[] = [];
  let values: Float64Array[] = [];
  tokens.forEach(({ position }, t) => {
    if (position === 0) [keys, values] = [[], []];
    const heads = Array.from({ length: numHeads + 2 * numKvHeads }, (_, h) => {
      const start = t * rowSize + h * headDim;
      const head = qkv.subarray(start, start + headDim);
      return h < numHeads + numKvHeads
        ? ropeReference(head, position, frequencies)
        : Float64Array.from(head);
    });
    const join = (list: Float64Array[]) => Float64Array.from(list.flatMap((head) => [...head]));
    keys.push(join(heads.slice(numHeads, numHeads + numKvHeads)).map(round));
    values.push(join(heads.slice(numHeads + numKvHeads)).map(round));
    const query = join(heads.slice(0, numHeads));
    expected.push(...attentionReference(query, keys, values, sizes, scale, options));
  });
  assertClose(actual, expected, TOLERANCE[elem]);
}
