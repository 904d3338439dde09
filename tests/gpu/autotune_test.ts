import { tuneKernels } from "../../engine/backends/wgsl/autotune.ts";
import type { Dispatch } from "../../engine/gpu/mod.ts";
import { createBufferMatrices } from "../../engine/ops/buffer_matrices.ts";
import { GPU_SET, type Tunable } from "../../engine/ops/mod.ts";
import { linearReference } from "../reference/linear.ts";
import { rmsNormReference } from "../reference/norm.ts";
import { assertClose } from "../support/assert_close.ts";
import {
  type Bench,
  createKvLayer,
  device,
  output,
  q4Matrix,
  run,
  upload,
  type Variant,
  VARIANTS,
} from "../support/gpu.ts";
import { createLayerBench, embedRows, EPS, identity, residualFor } from "../support/layer.ts";
import { createRandom, randomValues } from "../support/random.ts";
import assert from "node:assert/strict";

/** Beyond the forms that norm their input themselves: a gemm's tokens. */
const NUM_TOKENS = 40;
const [NUM_ROWS, NUM_COLS, HEAD_DIM] = [72, 96, 40];

const GPU_VARIANT: Variant = {
  ...VARIANTS[0]!,
  set: { ...GPU_SET, matrices: createBufferMatrices(8) },
};

/** A model of one layer: how often each kind of kernel is in it, and what it leaves. */
interface Layer {
  bench: Bench;
  dispatches: Dispatch[];
  /** Lengths in f32. */
  outputs: [buffer: GPUBuffer, length: number][];
  /** Of the first output, the logits of what was embedded. */
  expected: Float64Array;
}

/** Embeds, and runs a layer with each end: logits, RoPE and append, gate, and residual sum. */
async function createLayer(numTokens: number): Promise<Layer> {
  const bench = createLayerBench(numTokens, GPU_VARIANT);
  const { ops } = bench;
  const x = randomValues(createRandom(1), NUM_TOKENS * NUM_COLS).slice(0, numTokens * NUM_COLS);
  const random = createRandom(2);
  const q4 = (numRows: number, numCols: number) =>
    q4Matrix(random, numRows, numCols, "f16", GPU_VARIANT.set);
  const [head, qkv, gateUp, down] = [
    q4(NUM_ROWS, NUM_COLS),
    q4(3 * HEAD_DIM, NUM_COLS),
    q4(2 * NUM_ROWS, NUM_COLS),
    q4(NUM_COLS, NUM_ROWS),
  ];
  const to = residualFor(bench, head.matrix, { hidden: output(x.length) });
  const gated = ops.activation("gated", down.matrix);
  const attended = ops.activation("attended", identity(HEAD_DIM, GPU_VARIANT.set));
  const kv = createKvLayer(GPU_SET, {
    elem: "f16",
    blockSize: 16,
    numBlocks: 3,
    numKvHeads: 1,
    headDim: HEAD_DIM,
  });
  const sizes = { numHeads: 1, numKvHeads: 1, headDim: HEAD_DIM, rotaryDim: HEAD_DIM };
  const cosSin = upload(randomValues(random, NUM_TOKENS * HEAD_DIM));
  const y = output(numTokens * NUM_ROWS);
  const dispatches = [
    ...await embedRows(bench, GPU_VARIANT, x, to),
    ...await ops.logits(to.normed, head.matrix, y),
    ...await ops.attention(to.normed, { weight: qkv.matrix, cosSin }, kv, attended, {
      ...sizes,
      scale: 1,
    }),
    ...await ops.gatedLinear(to.normed, gateUp.matrix, gated, { activation: "swiglu" }),
    ...await ops.addLinear(gated, down.matrix, to),
  ];
  const ones = new Float32Array(NUM_COLS).fill(1);
  const normed = Array.from(
    { length: numTokens },
    (_, t) => [...rmsNormReference(x.subarray(t * NUM_COLS, (t + 1) * NUM_COLS), ones, EPS)],
  ).flat();
  const bufferOf = (resource: unknown) => resource as GPUBuffer;
  return {
    bench,
    dispatches,
    outputs: [
      [y, numTokens * NUM_ROWS],
      [bufferOf(attended.resources[0]), numTokens * HEAD_DIM],
      [bufferOf(kv.values), numTokens * HEAD_DIM / 2],
      [bufferOf(gated.resources[0]), numTokens * NUM_ROWS],
      [to.hidden, numTokens * NUM_COLS],
    ],
    expected: linearReference(normed, head.values, {
      numTokens,
      numRows: NUM_ROWS,
      numCols: NUM_COLS,
    }),
  };
}

async function runLayer({ bench, dispatches, outputs }: Layer): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  for (const [i, [buffer, length]] of outputs.entries()) {
    results.push(await run(bench, Promise.resolve(i === 0 ? dispatches : []), buffer, length));
  }
  return results;
}

/** Formats aside, the kernels that a batch of so many tokens takes and that may be tuned. */
const KINDS: [numTokens: number, kinds: string[]][] = [
  [1, [
    "inline gated gemv of 1",
    "inline rope_f16 gemv of 1",
    "inline store gemv of 1",
    "none add gemv of 1",
  ]],
  [2, ["inline gated gemv of 2", "inline rope_f16 gemv of 2", "none add gemv of 2"]],
  [4, ["inline gated gemv of 4", "inline rope_f16 gemv of 4", "none add gemv of 4"]],
  [8, ["none add gemv of 8", "staged gated gemv of 8", "staged rope_f16 gemv of 8"]],
  [16, ["none add gemv of 16", "staged gated gemv of 16"]],
  [NUM_TOKENS, ["none add gemm", "staged gated gemm", "staged rope_f16 gemm"]],
];

for (const [numTokens, kinds] of KINDS) {
  Deno.test(`every shape for ${numTokens} tokens gives the same bits, near those of f64`, async (t) => {
    const layer = await createLayer(numTokens);
    const expected = await runLayer(layer);
    assertClose(expected[0]!, layer.expected, { atol: 1e-4, rtol: 2e-5 });
    assert.ok(expected.flatMap((values) => [...values]).every(Number.isFinite));
    const form = numTokens === NUM_TOKENS ? "gemm" : `gemv of ${numTokens}`;
    const tunables = (await layer.bench.ops.tunables!())
      .filter(({ name }) => name.includes(`${form},`));
    assert.deepEqual(
      tunables.map(({ name }) => /^linear q4 f16 (.*),.*,/.exec(name)![1]).toSorted(),
      kinds,
    );
    for (const tunable of tunables) {
      assert.equal(new Set(tunable.shapes).size, tunable.shapes.length);
      for (const shape of tunable.shapes) {
        await t.step(`${tunable.name}: ${shape}`, async () => {
          await tunable.choose(shape);
          assert.deepEqual(await runLayer(layer), expected);
        });
      }
      await tunable.choose(tunable.shapes[0]!);
    }
    layer.bench.ops.destroy();
  });
}

/** Tunables of one layer, which remember what was done to them. */
function watched(tunables: readonly Tunable[]) {
  const prepared: string[] = [];
  const chosen = new Map<string, string>();
  const all = tunables.map((tunable): Tunable => ({
    name: tunable.name,
    numTokens: tunable.numTokens,
    weightBytes: tunable.weightBytes,
    shapes: tunable.shapes,
    prepare(shape) {
      prepared.push(`${tunable.name}: ${shape}`);
      return tunable.prepare(shape);
    },
    choose(shape) {
      chosen.set(tunable.name, shape);
      return tunable.choose(shape);
    },
  }));
  return { all, prepared, chosen };
}

Deno.test("tuneKernels() times every shape once, takes the fastest, and times none that is known", async () => {
  const layer = await createLayer(1);
  const { bench } = layer;
  const tunables = (await bench.ops.tunables!()).filter(({ numTokens }) => numTokens === 1);
  const first = watched(tunables);
  const shares: number[] = [];
  const measured = await tuneKernels(device, bench.step, first.all, {
    known: new Map(),
    budgetMs: 60_000,
    onProgress: (share) => shares.push(share),
  });
  assert.deepEqual(shares, [0, 0.25, 0.5, 0.75]);
  assert.deepEqual(
    first.prepared.toSorted(),
    tunables.flatMap(({ name, shapes }) => shapes.map((shape) => `${name}: ${shape}`)).toSorted(),
  );
  for (const { name, shapes } of tunables) {
    const times = measured.get(name)!;
    assert.deepEqual(Object.keys(times).toSorted(), shapes.toSorted());
    assert.ok(Object.values(times).every((ms) => ms > 0));
    assert.equal(times[first.chosen.get(name)!], Math.min(...Object.values(times)));
  }
  const second = watched(tunables);
  const again = await tuneKernels(device, bench.step, second.all, { known: measured });
  assert.equal(again.size, 0);
  assert.deepEqual(second.prepared, []);
  assert.deepEqual(second.chosen, first.chosen);
  device.writeBuffer(bench.step.step, new Uint32Array([1, 1, 1, 0]));
  const [actual] = await runLayer(layer);
  assertClose(actual!, layer.expected, { atol: 1e-4, rtol: 2e-5 });
  bench.ops.destroy();
});

Deno.test("tuneKernels() stops at its time and goes on the next time", async () => {
  const { bench } = await createLayer(1);
  const tunables = (await bench.ops.tunables!()).filter(({ numTokens }) => numTokens === 1);
  const none = watched(tunables);
  const nothing = await tuneKernels(device, bench.step, none.all, {
    known: new Map(),
    budgetMs: 0,
  });
  assert.equal(nothing.size, 0);
  assert.deepEqual([...none.chosen.values()], tunables.map(({ shapes }) => shapes[0]));
  const [{ name, shapes }] = tunables as [Tunable];
  const known = new Map([[name, Object.fromEntries(shapes.slice(0, -1).map((s) => [s, 1e-9]))]]);
  const rest = watched(tunables.slice(0, 1));
  const measured = await tuneKernels(device, bench.step, rest.all, { known, budgetMs: 60_000 });
  // The best one so far is timed again beside what is missing.
  assert.deepEqual(rest.prepared, [`${name}: ${shapes[0]}`, `${name}: ${shapes.at(-1)}`]);
  assert.deepEqual(Object.keys(measured.get(name)!).toSorted(), shapes.toSorted());
  bench.ops.destroy();
});

Deno.test("tuneKernels() leaves a shape alone that the driver does not compile", async () => {
  const { bench } = await createLayer(1);
  const [tunable] = watched(await bench.ops.tunables!()).all as [Tunable];
  const [good, bad] = tunable.shapes as [string, string];
  const chosen: string[] = [];
  const tuned = await tuneKernels(device, bench.step, [{
    ...tunable,
    shapes: [good, bad],
    prepare: (shape) =>
      shape === bad ? Promise.reject(new Error("no such thing")) : tunable.prepare(shape),
    choose: (shape) => Promise.resolve(void chosen.push(shape)),
  }], { known: new Map(), budgetMs: 60_000 });
  const { [bad]: time } = tuned.get(tunable.name)!;
  await tuneKernels(device, bench.step, [{
    ...tunable,
    shapes: [good, bad],
    choose: (shape) => Promise.resolve(void chosen.push(shape)),
  }], { known: new Map([[tunable.name, { [bad]: time! }]]), budgetMs: 0 });
  assert.deepEqual(chosen, [good, good]);
  assert.deepEqual(Object.keys(tuned.get(tunable.name)!).toSorted(), [good, bad].toSorted());
  bench.ops.destroy();
});
