import assert from "node:assert/strict";
import { type GgufTensor, writeGguf } from "../../../bench/peers/gguf.ts";
import { describe, listTensors, writeRandomGguf } from "../../../bench/peers/random_gguf.ts";
import type { Shape } from "../../../bench/peers/shapes.ts";

const SHAPE: Shape = {
  name: "small",
  architecture: "qwen2",
  hiddenSize: 64,
  intermediateSize: 96,
  numLayers: 2,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 16,
  vocabSize: 300,
  rmsNormEps: 1e-6,
  ropeTheta: 1e6,
};

/** Reads from the description of the format, not with the writer's tables. */
class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {
    this.#view = new DataView(bytes.buffer);
  }

  get position(): number {
    return this.#at;
  }

  u32(): number {
    return this.#view.getUint32((this.#at += 4) - 4, true);
  }

  f32(): number {
    return this.#view.getFloat32((this.#at += 4) - 4, true);
  }

  u64(): number {
    return Number(this.#view.getBigUint64((this.#at += 8) - 8, true));
  }

  string(): string {
    const length = this.u64();
    return new TextDecoder().decode(this.bytes.subarray(this.#at, this.#at += length));
  }

  value(type: number): unknown {
    if (type === 4 || type === 5) return this.u32();
    if (type === 6) return this.f32();
    if (type === 8) return this.string();
    assert.equal(type, 9);
    const item = this.u32();
    return Array.from({ length: this.u64() }, () => this.value(item));
  }
}

async function inFile(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  try {
    await Deno.remove(path);
    await test(path);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

async function readGguf(path: string) {
  const reader = new Reader(await Deno.readFile(path));
  assert.equal(new TextDecoder().decode(reader.bytes.subarray(0, 4)), "GGUF");
  reader.u32();
  assert.equal(reader.u32(), 3);
  const [numTensors, numValues] = [reader.u64(), reader.u64()];
  const metadata = new Map(
    Array.from({ length: numValues }, () => [reader.string(), reader.value(reader.u32())]),
  );
  const tensors = Array.from({ length: numTensors }, () => ({
    name: reader.string(),
    dimensions: Array.from({ length: reader.u32() }, () => reader.u64()),
    type: reader.u32(),
    offset: reader.u64(),
  }));
  return { metadata, tensors, start: Math.ceil(reader.position / 32) * 32, bytes: reader.bytes };
}

Deno.test("writeRandomGguf() writes a header that names every tensor of the shape", () =>
  inFile(async (path) => {
    await writeRandomGguf(path, SHAPE);
    const { metadata, tensors } = await readGguf(path);
    assert.equal(metadata.get("general.architecture"), "qwen2");
    assert.equal(metadata.get("qwen2.block_count"), 2);
    assert.equal(metadata.get("qwen2.attention.head_count_kv"), 2);
    assert.equal((metadata.get("tokenizer.ggml.tokens") as string[])[3], "<0x00>");
    for (const list of ["tokens", "scores", "token_type"]) {
      assert.equal((metadata.get(`tokenizer.ggml.${list}`) as unknown[]).length, 300, list);
    }
    assert.equal(tensors.length, 2 + 2 * 12);
    const down = tensors.find(({ name }) => name === "blk.1.ffn_down.weight")!;
    assert.deepEqual([down.dimensions, down.type], [[96, 64], 2]);
    assert.deepEqual(tensors.find(({ name }) => name === "blk.0.attn_k.bias")!.dimensions, [32]);
  }));

Deno.test("writeRandomGguf() puts each tensor where its offset says, up to the end of the file", () =>
  inFile(async (path) => {
    await writeRandomGguf(path, SHAPE);
    const { tensors, start, bytes } = await readGguf(path);
    let end = 0;
    for (const { name, dimensions, type, offset } of tensors) {
      assert.equal(offset, end, name);
      const count = dimensions.reduce((product, size) => product * size, 1);
      const size = type === 0 ? 4 * count : count / 32 * 18;
      end = Math.ceil((offset + size) / 32) * 32;
    }
    assert.equal(bytes.length, start + end);
    const view = new DataView(bytes.buffer, start);
    const norm = tensors.find(({ name }) => name === "output_norm.weight")!;
    assert.equal(view.getFloat32(norm.offset, true), 1);
    // 32 values of the scale's 1 / (4.61 · √64) a block; the next block's scale is 18 bytes on.
    const down = tensors.find(({ name }) => name === "blk.0.attn_q.weight")!;
    for (const at of [down.offset, down.offset + 18]) {
      assert.ok(Math.abs(view.getFloat16(at, true) - 1 / (4.61 * 8)) < 1e-4);
    }
  }));

Deno.test("writeRandomGguf() leaves a file that is there as it is", () =>
  inFile(async (path) => {
    await Deno.writeTextFile(path, "mine");
    await writeRandomGguf(path, SHAPE);
    assert.equal(await Deno.readTextFile(path), "mine");
  }));

Deno.test("listTensors() gives a llama no biases", () => {
  const tensors = listTensors({ ...SHAPE, architecture: "llama" }, () => 0);
  assert.equal(tensors.length, 2 + 2 * 9);
  assert.ok(describe({ ...SHAPE, architecture: "llama" }).has("llama.block_count"));
});

Deno.test("writeGguf() refuses a tensor of another size than its dimensions", () =>
  inFile(async (path) => {
    const tensor: GgufTensor = {
      name: "short",
      dimensions: [4],
      dtype: "F32",
      createBytes: () => new Uint8Array(12),
    };
    await assert.rejects(writeGguf(path, new Map(), [tensor]), /short has 12 bytes.*say 16/);
  }));
