import assert from "node:assert/strict";
import { replay } from "../../engine/gpu/mod.ts";
import { createSampler, resolveSampling } from "../../engine/sampling/mod.ts";
import { chooseTokenReference } from "../reference/choose_token.ts";
import { createBench, device, readWords, upload, type Variant, VARIANTS } from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";

const NO_TOKEN = 2 ** 32 - 1;
const RING_SIZE = 8;
const BLOCK_SIZE = 16;

/** Rows of logits, and how many of each may be chosen. */
interface Case {
  name: string;
  rows: Float32Array<ArrayBuffer>[];
  numChoices?: number;
}

/** A row of random logits with some changed. */
function row(size: number, changes: Record<number, number> = {}): Float32Array<ArrayBuffer> {
  const values = randomValues(createRandom(size), size, 4);
  for (const [id, value] of Object.entries(changes)) values[Number(id)] = value;
  return values;
}

const filled = (size: number, value: number) => new Float32Array(size).fill(value);

// One; below, at and above a workgroup of either set and a chunk; an odd one; real vocabularies.
const SIZES = [1, 7, 8, 9, 255, 256, 257, 4095, 4096, 4097, 1536, 57 * 1001, 151_936];

const CASES: Case[] = [
  ...SIZES.map((size) => ({ name: `${size} logits`, rows: [row(size)] })),
  ...SIZES.map((size) => ({ name: `the last of ${size}`, rows: [row(size, { [size - 1]: 9 })] })),
  {
    name: "the lowest among equals, in a lane, across lanes and across chunks",
    rows: [
      row(10_000, { 9: 7, 17: 7, 4099: 7 }),
      row(10_000, { 264: 7, 9: 7 }),
      row(10_000, { 9000: 7, 4097: 7 }),
      row(10_000, { 4096: 7, 4095: 7 }),
      filled(10_000, 2.5),
    ],
  },
  {
    name: "zeros of both signs as equals",
    rows: [
      Float32Array.of(-1, -0, 0, -1),
      Float32Array.of(-1, 0, -0, -1),
      filled(4, -0),
    ],
  },
  {
    name: "negative and tiny numbers",
    rows: [
      Float32Array.of(-3, -2, -1e30, -2),
      Float32Array.of(-1, 1e-45, 1e-44, 0),
      Float32Array.of(-1e-44, -1e-45, -3e38, -1),
      Float32Array.of(3.4028234e38, -3.4028234e38, 3e38, 1),
    ],
  },
  {
    name: "masked logits",
    rows: [
      Float32Array.of(-Infinity, -Infinity, -5, -Infinity),
      Float32Array.of(-3.4028234e38, -Infinity, -Infinity, -Infinity),
    ],
  },
  {
    name: "no token where logits cannot be sampled, and tokens in the rows beside",
    rows: [
      row(5000, { 17: NaN }),
      row(5000),
      row(5000, { 4999: NaN, 3: Infinity }),
      row(5000, { 4321: Infinity }),
      filled(5000, -Infinity),
      row(5000, { 4321: 8 }),
    ],
  },
  {
    name: "NaN of either sign and any payload",
    rows: [0x7fc00000, 0xffc00000, 0x7f800001, 0xff800001, 0xffffffff].map((bits) => {
      const values = new Uint32Array(row(300).buffer);
      values[123] = bits;
      return new Float32Array(values.buffer);
    }),
  },
  {
    name: "nothing from the padding",
    rows: [row(5000, { 4500: 9 }), row(5000, { 4600: NaN }), row(5000, { 4499: 9, 4500: 9 })],
    numChoices: 4500,
  },
];

/** Positions that end, begin and cross blocks, of sequences in another order than their rows. */
function createTokens(numRows: number) {
  const blockTables = Array.from({ length: numRows }, (_, s) => [3 * s + 2, 3 * s, 3 * s + 1]);
  const tokens = Array.from({ length: numRows }, (_, l) => ({
    id: 1000 + l,
    position: [15, 16, 7, 30, 31][l % 5]!,
    slot: 0,
    sequence: numRows - 1 - l,
  }));
  return { blockTables, tokens };
}

/** Runs the dispatches and reads both buffers. */
async function choose(
  { variant, rows, numChoices }: { variant: Variant; rows: Case["rows"]; numChoices: number },
) {
  const vocabSize = rows[0]!.length;
  const { blockTables, tokens } = createTokens(rows.length);
  const bench = createBench(tokens, { variant, blockTables, logitsRows: rows.map((_, l) => l) });
  device.writeBuffer(bench.step.step, Uint32Array.of(numChoices), 12);
  const all = new Float32Array(rows.length * vocabSize);
  rows.forEach((values, l) => all.set(values, l * vocabSize));
  const chosen = upload(new Uint32Array(RING_SIZE * rows.length).fill(77));
  const dispatches = await bench.ops.chooseTokens({
    logits: upload(all),
    chosen,
    vocabSize,
    blockSize: BLOCK_SIZE,
    ringSize: RING_SIZE,
    maxRows: rows.length,
  });
  await device.guard("test", () => {
    const encoder = device.raw.createCommandEncoder();
    replay(encoder, dispatches, bench);
    device.raw.queue.submit([encoder.finish()]);
  });
  const next = await readWords(bench.step.tokens, 4 * rows.length);
  return { tokens, blockTables, next, chosen: await readWords(chosen, RING_SIZE * rows.length) };
}

/** What the engine's own sampler takes; null where it throws. */
function sampleOnHost(logits: Float32Array, numChoices: number): number | null {
  const sampler = createSampler(resolveSampling({ temperature: 0 }, {}), []);
  try {
    return sampler.sample(logits.slice(0, numChoices)).token;
  } catch {
    return null;
  }
}

for (const variant of VARIANTS) {
  Deno.test(`chooseTokens() of ${variant.name} takes what the host's greedy sampler takes`, async (t) => {
    for (const { name, rows, numChoices = rows[0]!.length } of CASES) {
      await t.step(name, async () => {
        const { tokens, chosen } = await choose({ variant, rows, numChoices });
        rows.forEach((logits, l) => {
          const expected = chooseTokenReference(logits, numChoices);
          assert.equal(sampleOnHost(logits, numChoices), expected);
          const own = chosen[(tokens[l]!.position % RING_SIZE) * rows.length + l];
          assert.equal(own, expected ?? NO_TOKEN, `row ${l}`);
        });
      });
    }
  });

  Deno.test(`chooseTokens() of ${variant.name} leaves the next step's tokens, and other rows of the ring alone`, async () => {
    const rows = [11, 12, 13, 14, 15].map((id) => row(20, { [id]: 9 }));
    const { tokens, blockTables, next, chosen } = await choose({ variant, rows, numChoices: 20 });
    const expected = tokens.flatMap(({ position, sequence }, l) => {
      const own = position + 1;
      const block = blockTables[sequence]![Math.floor(own / BLOCK_SIZE)]!;
      return [11 + l, own, block * BLOCK_SIZE + own % BLOCK_SIZE, sequence];
    });
    assert.deepEqual(next, expected);
    const ring = new Array<number>(RING_SIZE * rows.length).fill(77);
    tokens.forEach(({ position }, l) => ring[(position % RING_SIZE) * rows.length + l] = 11 + l);
    assert.deepEqual(chosen, ring);
  });
}
