import type { Elem } from "../../kernels/mod.ts";
import { attentionReference, type AttentionSizes } from "../reference/attention.ts";
import { ropeReference } from "../reference/rope.ts";
import { assertClose } from "../support/assert_close.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { createBench, createKvLayer, output, upload, VARIANTS } from "../support/gpu.ts";
import { embedRows, EPS, identity, identityQ4, residualFor, runAndRead } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";

const BLOCK_SIZE = 16;

const SIZES: AttentionSizes[] = [
  { numHeads: 1, numKvHeads: 1, headDim: 8 },
  { numHeads: 6, numKvHeads: 2, headDim: 32 },
  { numHeads: 3, numKvHeads: 1, headDim: 48 },
  { numHeads: 14, numKvHeads: 2, headDim: 64 },
  { numHeads: 4, numKvHeads: 4, headDim: 80 },
  { numHeads: 2, numKvHeads: 1, headDim: 128 },
  { numHeads: 9, numKvHeads: 1, headDim: 128 }, // more columns than a workgroup of the software set takes
  { numHeads: 2, numKvHeads: 1, headDim: 256 },
];

/** Sizes whose activations the software set can, and cannot, round to int8 groups in the same dispatch. */
const INT8_SIZES: AttentionSizes[] = [
  { numHeads: 14, numKvHeads: 2, headDim: 64 },
  { numHeads: 3, numKvHeads: 1, headDim: 48 },
];

/** What architectures do beside the softmax. */
const OPTIONS = [{}, { softCap: 2 }, { window: 17 }, { window: 64, softCap: 5 }];

// f32 sums of at most 150 weights that add up to 1. An f16 cache rounds keys and values to 11 bits, as the reference does,
// but a key on the edge between two of them may fall to either side: 2^-11 of a score of up to 3.
const TOLERANCE = { f32: { atol: 2e-5, rtol: 2e-5 }, f16: { atol: 2e-3, rtol: 2e-3 } };

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
          () =>
            compare(variant, elem, {
              ...sizes,
              rotaryDim,
              options,
              hasHeadNorms: i % 2 === 1,
            }),
        );
      }
    });
  }

  Deno.test(`attention() of ${variant.name} leaves activations for q4 layers`, async (t) => {
    for (const sizes of INT8_SIZES) {
      await t.step(`${sizes.numHeads} heads of ${sizes.headDim}`, () =>
        compare(variant, "f16", {
          ...sizes,
          rotaryDim: sizes.headDim,
          options: {},
          hasHeadNorms: false,
          isForQ4: true,
        }));
    }
  });
}

interface Comparison extends AttentionSizes {
  rotaryDim: number;
  options: { softCap?: number; window?: number };
  hasHeadNorms: boolean;
  /** Whether a q4 layer reads the result. */
  isForQ4?: boolean;
}

/** Cosines and sines of every position, as the engine's table has them. */
function ropeTable(frequencies: Float64Array): Float32Array<ArrayBuffer> {
  const half = frequencies.length;
  const table = new Float32Array(140 * 2 * half);
  for (let p = 0; p < 140; p++) {
    frequencies.forEach((frequency, i) => {
      table[2 * p * half + i] = Math.cos(p * frequency);
      table[(2 * p + 1) * half + i] = Math.sin(p * frequency);
    });
  }
  return table;
}

async function compare(
  variant: (typeof VARIANTS)[number],
  elem: Elem,
  comparison: Comparison,
): Promise<void> {
  const { numHeads, numKvHeads, headDim, rotaryDim, options, isForQ4 = false } = comparison;
  const random = createRandom(headDim);
  const rowSize = (numHeads + 2 * numKvHeads) * headDim;
  const half = rotaryDim / 2;
  const frequencies = Float64Array.from({ length: half }, (_, i) => 10000 ** (-i / half));
  const tokens = SEQUENCES.flatMap(({ blocks, length }, sequence) =>
    Array.from({ length }, (_, position) => ({
      position,
      slot: blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + position % BLOCK_SIZE,
      sequence,
    }))
  ).map((token, id) => ({ id, ...token }));
  // Queries, keys and values are the norm of this, through a projection that changes nothing.
  const x = randomValues(random, tokens.length * rowSize);
  const scale = 2 / Math.sqrt(headDim); // sharper than usual: weights differ by much
  const bench = createBench(tokens, {
    blockTables: SEQUENCES.map(({ blocks }) => blocks),
    logitsRows: tokens.map(({ id }) => id),
    variant,
  });
  const kv = createKvLayer(variant.set, {
    elem,
    blockSize: BLOCK_SIZE,
    numBlocks: 11,
    numKvHeads,
    headDim,
  });
  const headNorms = { query: randomValues(random, headDim), key: randomValues(random, headDim) };
  const weight = identity(rowSize, variant.set);
  const reader = (isForQ4 ? identityQ4 : identity)(numHeads * headDim, variant.set);
  const to = residualFor(bench, weight, { hidden: output(x.length) });
  const attended = bench.ops.activation("attended", reader);
  const actual = await runAndRead(
    bench,
    [
      embedRows(bench, variant, x, to),
      bench.ops.attention(
        to.normed,
        {
          weight,
          cosSin: upload(ropeTable(frequencies)),
          ...(comparison.hasHeadNorms
            ? {
              headNorms: { query: upload(headNorms.query), key: upload(headNorms.key), eps: EPS },
            }
            : {}),
        },
        kv,
        attended,
        { numHeads, numKvHeads, headDim, rotaryDim, scale, ...options },
      ),
    ],
    attended,
    reader,
  );

  const round = elem === "f16" ? Math.f16round : Math.fround;
  const ones = new Float32Array(rowSize).fill(1);
  const expected: number[] = [];
  let keys: Float64Array[] = [];
  let values: Float64Array[] = [];
  tokens.forEach(({ position }, t) => {
    if (position === 0) [keys, values] = [[], []];
    const row = rmsNormReference(x.subarray(t * rowSize, (t + 1) * rowSize), ones, EPS);
    const heads = Array.from({ length: numHeads + 2 * numKvHeads }, (_, h) => {
      let head = Float64Array.from(row.subarray(h * headDim, (h + 1) * headDim));
      if (h >= numHeads + numKvHeads) return head;
      if (comparison.hasHeadNorms) {
        const gamma = h < numHeads ? headNorms.query : headNorms.key;
        head = Float64Array.from(rmsNormReference(head, gamma, EPS));
      }
      return ropeReference(head, position, frequencies);
    });
    const join = (list: Float64Array[]) => Float64Array.from(list.flatMap((head) => [...head]));
    keys.push(join(heads.slice(numHeads, numHeads + numKvHeads)).map(round));
    values.push(join(heads.slice(numHeads + numKvHeads)).map(round));
    const query = join(heads.slice(0, numHeads));
    const sizes = { numHeads, numKvHeads, headDim };
    expected.push(...attentionReference(query, keys, values, sizes, scale, options));
  });
  // Half a step of an int8 group whose values stay below 2.
  const rounding = isForQ4 ? 2 / 254 : 0;
  const { atol, rtol } = TOLERANCE[elem];
  assertClose(actual, expected, { atol: atol + rounding, rtol });
}
