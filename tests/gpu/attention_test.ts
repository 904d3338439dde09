import type { Elem } from "../../kernels/mod.ts";
import { attentionReference, type AttentionSizes } from "../reference/attention.ts";
import { ropeReference } from "../reference/rope.ts";
import { assertClose } from "../support/assert_close.ts";
import { createBench, output, roundTo, run, toElem, upload, VARIANTS } from "../support/gpu.ts";
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

// f32 sums of at most 300 weights that add up to 1; inputs are rounded to elem before both.
const TOLERANCE = { atol: 1e-5, rtol: 1e-5 };

for (const elem of ["f32", "f16"] as Elem[]) {
  for (const variant of VARIANTS.slice(0, 2)) {
    Deno.test(`attention() on a ${elem} cache by ${variant.name} equals f64 over shuffled blocks`, async (t) => {
      for (const sizes of SIZES) {
        const { numHeads, numKvHeads, headDim } = sizes;
        await t.step(`${numHeads}/${numKvHeads} heads of ${headDim}`, async () => {
          const random = createRandom(headDim);
          const kvSize = numKvHeads * headDim;
          const numBlocks = 24;
          const keys = roundTo(randomValues(random, numBlocks * BLOCK_SIZE * kvSize), elem);
          const values = roundTo(randomValues(random, numBlocks * BLOCK_SIZE * kvSize), elem);
          // Two sequences with interleaved blocks; positions on both sides of a block and of a tile.
          const blockTables = [[22, 1, 8, 3, 15, 0, 2, 19, 4, 7, 11, 12, 21, 9, 5, 6, 10, 13, 14], [
            23,
            20,
          ]];
          const tokens = [[0, 0], [1, 0], [0, 15], [1, 16], [0, 63], [0, 64], [1, 31], [0, 299]]
            .map(([sequence, position]) => ({
              id: 0,
              sequence: sequence!,
              position: position!,
              slot: 0,
            }));
          const q = randomValues(random, tokens.length * numHeads * headDim, 3);
          const bench = createBench(tokens, { blockTables, variant });
          const length = tokens.length * numHeads * headDim;
          const y = output(length);
          const scale = 1 / Math.sqrt(headDim);
          const kv = {
            keys: upload(toElem(keys, elem)),
            values: upload(toElem(values, elem)),
            elem,
            blockSize: BLOCK_SIZE,
          };
          const actual = await run(
            bench,
            bench.ops.attention(upload(q), kv, y, { ...sizes, scale }),
            y,
            length,
          );
          const expected = tokens.flatMap(({ sequence, position }, i) => {
            const rows = (cache: Float32Array) =>
              Array.from({ length: position + 1 }, (_, p) => {
                const slot = blockTables[sequence]![Math.floor(p / BLOCK_SIZE)]! * BLOCK_SIZE +
                  p % BLOCK_SIZE;
                return cache.subarray(slot * kvSize, (slot + 1) * kvSize);
              });
            const query = q.subarray(i * numHeads * headDim, (i + 1) * numHeads * headDim);
            return [...attentionReference(query, rows(keys), rows(values), sizes, scale)];
          });
          assertClose(actual, expected, TOLERANCE);
        });
      }
    });
  }

  Deno.test(`ropeKvAppend() rotates q and k and fills the slots of a ${elem} cache`, async (t) => {
    for (const sizes of SIZES) {
      const { numHeads, numKvHeads, headDim } = sizes;
      for (const rotaryDim of headDim > 16 ? [headDim, Math.floor(headDim / 16) * 8] : [headDim]) {
        await t.step(`${rotaryDim} of ${headDim}, ${numHeads}/${numKvHeads} heads`, async () => {
          const random = createRandom(headDim + 1);
          const half = rotaryDim / 2;
          const frequencies = Float64Array.from({ length: half }, (_, i) => 10000 ** (-i / half));
          const numPositions = 70;
          const table = new Float32Array(numPositions * rotaryDim);
          for (let p = 0; p < numPositions; p++) {
            for (let i = 0; i < half; i++) {
              table[p * rotaryDim + i] = Math.cos(p * frequencies[i]!);
              table[p * rotaryDim + half + i] = Math.sin(p * frequencies[i]!);
            }
          }
          const tokens = [
            { id: 0, position: 0, slot: 5, sequence: 0 },
            { id: 0, position: 69, slot: 0, sequence: 0 },
            { id: 0, position: 17, slot: 3, sequence: 1 },
          ];
          const numSlots = 7;
          const kvSize = numKvHeads * headDim;
          const rowSize = (numHeads + 2 * numKvHeads) * headDim;
          const qkv = randomValues(random, tokens.length * rowSize);
          const bench = createBench(tokens, { blockTables: [[0], [0]] });
          const q = output(tokens.length * numHeads * headDim);
          const cacheBytes = numSlots * kvSize * (elem === "f16" ? 2 : 4);
          const kv = {
            keys: upload(new Uint8Array(cacheBytes)),
            values: upload(new Uint8Array(cacheBytes)),
            elem,
            blockSize: BLOCK_SIZE,
          };
          const dispatches = bench.ops.ropeKvAppend(upload(qkv), upload(table), q, kv, {
            ...sizes,
            rotaryDim,
          });
          const rotatedQ = await run(bench, dispatches, q, tokens.length * numHeads * headDim);
          const read = async (cache: GPUBuffer) => {
            const bytes = (await run(bench, Promise.resolve([]), cache, cacheBytes / 4)).buffer;
            return elem === "f16" ? new Float16Array(bytes) : new Float32Array(bytes);
          };
          const keys = await read(kv.keys);
          const values = await read(kv.values);

          const expectedQ: number[] = [];
          const expectedKeys = new Float64Array(numSlots * kvSize);
          const expectedValues = new Float64Array(numSlots * kvSize);
          tokens.forEach(({ position, slot }, t) => {
            for (let h = 0; h < numHeads + 2 * numKvHeads; h++) {
              const start = t * rowSize + h * headDim;
              const head = qkv.subarray(start, start + headDim);
              if (h < numHeads) expectedQ.push(...ropeReference(head, position, frequencies));
              else if (h < numHeads + numKvHeads) {
                const at = slot * kvSize + (h - numHeads) * headDim;
                expectedKeys.set(ropeReference(head, position, frequencies), at);
              } else {expectedValues.set(
                  head,
                  slot * kvSize + (h - numHeads - numKvHeads) * headDim,
                );}
            }
          });
          // Two products of values up to 1 in f32; f16 keeps 11 bits of values up to 1.5.
          const cacheTolerance = elem === "f16" ? { atol: 1e-3, rtol: 0 } : { atol: 1e-6, rtol: 0 };
          assertClose(rotatedQ, expectedQ, { atol: 1e-6, rtol: 0 });
          assertClose(keys, expectedKeys, cacheTolerance);
          assertClose(values, expectedValues, cacheTolerance);
        });
      }
    }
  });
}
