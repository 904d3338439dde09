import assert from "node:assert/strict";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { writeRandomPackage } from "../../bench/random_package.ts";
import { ARCHITECTURES, SIZES } from "../reference/architectures.ts";
import { argmax, ReferenceDecoder } from "../reference/decoder.ts";
import { roundToInt8Groups } from "../reference/int8_groups.ts";
import { readPackageTensors } from "../reference/package_tensors.ts";
import { assertClose } from "../support/assert_close.ts";
import { device } from "../support/gpu.ts";
import { writeRandomModel } from "../support/random_model.ts";
import { createRandom } from "../support/random.ts";
import { makeTestDir } from "../support/test_dir.ts";

const VARIANTS = (Object.keys(ARCHITECTURES) as (keyof typeof ARCHITECTURES)[]).flatMap(
  (architecture) =>
    (["q4f16_1", "q4f32_1", "q0f16", "q0f32"] as const).map((quantization, i) => ({
      architecture,
      quantization,
      // Gemma's head is always its embedding.
      hasHead: i % 2 === 0 && !architecture.startsWith("gemma"),
    })),
);

// f32 sums against f64 through three layers; logits are of order 1. A key that lands on the other side of an f16 rounding
// moves them by up to 2^-11 of one attention weight.
const TOLERANCE = { atol: 2e-3, rtol: 1e-3 };

/**
 * A q4f16 model rounds what its layers read to int8 groups, on software adapters; the reference does so too. Both agree as f32
 * does until a value lands on the other side of a rounding, about once in 50 tokens; from then on every layer rounds something
 * else, and logits of order 1 differ by some hundredths, at most about as much as from a reference that does not round (0.03 in
 * the mean, 0.2 at most, measured). llama.cpp's CPU kernels round alike.
 */
const INT8 = { numExact: 4, atol: 0.25, meanSquare: 0.03 ** 2 };

const hasInt8Layers = device.info.kind === "software";

function assertCloseToInt8(actual: Float32Array, expected: Float64Array): void {
  assertClose(actual, expected, { atol: INT8.atol, rtol: 0 });
  const sum = expected.reduce((total, value, i) => total + (value - actual[i]!) ** 2, 0);
  const meanSquare = sum / expected.length;
  assert.ok(meanSquare <= INT8.meanSquare, `The mean square error is ${meanSquare}`);
}

function roundKv(quantization: string): (value: number) => number {
  return quantization.includes("f16") ? (value) => Math.f16round(value) : Math.fround;
}

function randomTokens(seed: number, length: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length }, () => Math.floor(random() * SIZES.vocab_size));
}

/** Every block of a sequence that owns every `stride`-th one. */
function blocksFor(first: number, stride: number, numTokens: number): number[] {
  return Array.from({ length: Math.ceil(numTokens / 16) }, (_, i) => first + i * stride);
}

for (const { architecture, quantization, hasHead } of VARIANTS) {
  const head = hasHead ? "its own head" : "a tied head";
  Deno.test(`WgslRunner.run() on ${architecture} ${quantization} with ${head} gives the f64 logits`, async () => {
    const dir = await writeRandomModel({ architecture, quantization, hasHead });
    const tokens = randomTokens(2, 150);
    const isInt8 = hasInt8Layers && quantization === "q4f16_1";
    const reference = new ReferenceDecoder(
      ARCHITECTURES[architecture],
      SIZES,
      await readPackageTensors(dir),
      roundKv(quantization),
      isInt8 ? roundToInt8Groups : undefined,
    );
    const expected = tokens.map((token) => reference.next(token));
    const runner = await WgslRunner.load(device, await openPackage(dir));
    const blocks = blocksFor(3, 2, 150);
    // A prefill in uneven chunks, then decoding token by token.
    for (let first = 0; first < tokens.length;) {
      const size = first === 0
        ? INT8.numExact
        : first === INT8.numExact
        ? 96
        : first === 100
        ? 33
        : 1;
      const chunk = tokens.slice(first, first + size);
      const logits = await runner.run([
        { sequence: 0, tokens: chunk, firstPosition: first, blocks, numLogits: 1 },
      ]);
      first += size;
      if (isInt8 && first > INT8.numExact) assertCloseToInt8(logits, expected[first - 1]!);
      else assertClose(logits, expected[first - 1]!, TOLERANCE);
    }
    runner.destroy();
  });
}

Deno.test("WgslRunner.run() gives a sequence the same bits alone, in chunks and in any batch", async () => {
  const dir = await writeRandomModel({
    architecture: "llama",
    quantization: "q4f16_1",
    hasHead: true,
  });
  const runner = await WgslRunner.load(device, await openPackage(dir));
  const sequences = [7, 41, 2].map((length, i) => ({
    tokens: randomTokens(10 + i, length),
    blocks: blocksFor(i, 3, length),
  }));
  const alone: Float32Array[] = [];
  for (const { tokens, blocks } of sequences) {
    alone.push(
      await runner.run([{ sequence: 0, tokens, firstPosition: 0, blocks, numLogits: 1 }]),
    );
  }
  const together = await runner.run(
    sequences.map(({ tokens, blocks }, sequence) => ({
      sequence,
      tokens,
      firstPosition: 0,
      blocks,
      numLogits: 1,
    })),
  );
  const size = runner.limits.vocabSize;
  alone.forEach((logits, i) => {
    assert.deepEqual(together.slice(i * size, (i + 1) * size), logits);
  });
  // The long one again, token by token, while the others run beside it.
  const [, long] = sequences;
  let logits = new Float32Array();
  for (const [position, token] of long!.tokens.entries()) {
    const { tokens, blocks } = sequences[position % 2 === 0 ? 0 : 2]!;
    const result = await runner.run([
      { sequence: 0, tokens, firstPosition: 0, blocks, numLogits: position % 3 === 0 ? 1 : 0 },
      {
        sequence: 1,
        tokens: [token],
        firstPosition: position,
        blocks: long!.blocks,
        numLogits: 1,
      },
    ]);
    logits = result.slice(-size);
  }
  assert.deepEqual(logits, alone[1]);
  runner.destroy();
});

Deno.test("WgslRunner.run() decodes 300 tokens of Qwen2-0.5B's shape as f64 does", async () => {
  const dir = makeTestDir();
  const numLayers = 2;
  const vocabSize = 1001;
  await writeRandomPackage(dir, { numLayers, vocabSize, contextLength: 512 });
  const sizes = {
    ...SIZES,
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: numLayers,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    head_dim: 64,
    vocab_size: vocabSize,
    rms_norm_eps: 1e-6,
  };
  const reference = new ReferenceDecoder(
    {
      ...ARCHITECTURES.qwen2,
      attentionScale: 1 / 8,
      frequencies: () => Float64Array.from({ length: 32 }, (_, i) => 1e6 ** (-i / 32)),
    },
    sizes,
    await readPackageTensors(dir),
    roundKv("q4f16_1"),
    hasInt8Layers ? roundToInt8Groups : undefined,
  );
  const runner = await WgslRunner.load(device, await openPackage(dir));
  const blocks = blocksFor(0, 1, 305);
  const used: number[] = [];
  let token = 5;
  for (let position = 0; position < 305; position++) {
    const expected = reference.next(token);
    const logits = await runner.run([
      { sequence: 0, tokens: [token], firstPosition: position, blocks, numLogits: 1 },
    ]);
    if (!hasInt8Layers || position < INT8.numExact) assertClose(logits, expected, TOLERANCE);
    else assertCloseToInt8(logits, expected);
    used.push(token);
    token = bestUnused(expected, used);
    // What the shader would have said is as good within the error of two logits.
    const own = bestUnused(logits, used);
    assert.ok(expected[own]! >= expected[token]! - 0.1, `${own} instead of ${token}`);
  }
  runner.destroy();
});

/** Greedy without repetition: a random model with a tied head would say one token for ever. */
function bestUnused(logits: ArrayLike<number>, used: number[]): number {
  const open = Float64Array.from(logits);
  for (const token of used) open[token] = -Infinity;
  return argmax(open);
}

Deno.test("WgslRunner.run() fails where the device refuses a step, instead of reading what the step before left", async () => {
  const dir = await writeRandomModel({
    architecture: "llama",
    quantization: "q4f16_1",
    hasHead: true,
  });
  const buffers: GPUBuffer[] = [];
  const createBuffer = device.createBuffer;
  device.createBuffer = (...args) => {
    const buffer = createBuffer.apply(device, args);
    buffers.push(buffer);
    return buffer;
  };
  const runner = await WgslRunner.load(device, await openPackage(dir), {}).finally(() => {
    device.createBuffer = createBuffer;
  });
  const batch = [{ sequence: 0, tokens: [1], firstPosition: 0, blocks: [0], numLogits: 1 }];
  assert.equal((await runner.run(batch)).length, SIZES.vocab_size);
  buffers.find(({ label }) => label === "hidden")!.destroy();
  await assert.rejects(runner.run(batch), /The device refused a step: .*hidden/s);
  runner.destroy();
});
