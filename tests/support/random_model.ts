/**
 * Small decoders with random weights, of every architecture and in every quantization, at sizes that fit no tile.
 */
import { createHash } from "node:crypto";
import { ARCHITECTURES, SIZES } from "../reference/architectures.ts";
import { writePackage } from "./mlc_package.ts";
import { createRandom } from "./random.ts";

/** What varies between the packages. */
export interface RandomModelOptions {
  architecture: keyof typeof ARCHITECTURES;
  quantization: "q4f16_1" | "q4f32_1" | "q0f16" | "q0f32";
  /** A head apart from the embedding. */
  hasHead: boolean;
  /** Laid over the architecture's own config. */
  sizes?: Partial<typeof SIZES>;
  /** @default 1 */
  seed?: number;
  /** A token whose embedding is NaN; not where it is quantized. @default none */
  brokenToken?: number;
}

/** Writes a package and returns its directory. */
export async function writeRandomModel(options: RandomModelOptions): Promise<string> {
  const { quantization, hasHead, seed = 1 } = options;
  const architecture = ARCHITECTURES[options.architecture];
  const sizes = { ...SIZES, ...options.sizes };
  const writer = new TensorWriter(quantization, seed);
  const { hidden_size: d, head_dim: c, intermediate_size: f } = sizes;
  const { num_attention_heads: h, num_key_value_heads: kh } = sizes;

  writer.matrix(architecture.embedding, sizes.vocab_size, d, options.brokenToken);
  for (let layer = 0; layer < sizes.num_hidden_layers; layer++) {
    writer.norm(architecture.inputNorm(layer), d);
    const names = architecture.qkv(layer);
    const rows = names.length === 1 ? [h + 2 * kh] : [h, kh, kh];
    names.forEach((name, i) => writer.matrix(name, rows[i]! * c, d));
    if (architecture.hasQkvBias) writer.bias(names[0]!, (h + 2 * kh) * c);
    for (const name of architecture.headNorms?.(layer) ?? []) writer.norm(name, c);
    writer.matrix(architecture.output(layer), d, h * c);
    if (architecture.postAttentionNorm) writer.norm(architecture.postAttentionNorm(layer), d);
    writer.norm(architecture.mlpNorm(layer), d);
    writer.matrix(architecture.gateUp(layer), 2 * f, d);
    writer.matrix(architecture.down(layer), d, f);
    if (architecture.postMlpNorm) writer.norm(architecture.postMlpNorm(layer), d);
  }
  writer.norm(architecture.finalNorm, d);
  if (hasHead) writer.matrix("lm_head", sizes.vocab_size, d);

  const shard = writer.finish();
  return await writePackage((fixture) => {
    fixture.config = {
      model_type: architecture.modelType,
      quantization,
      model_config: { ...architecture.config, ...options.sizes, tie_word_embeddings: !hasHead },
      vocab_size: sizes.vocab_size,
      context_window_size: sizes.context_window_size,
    };
    fixture.shards = [shard.bytes];
    fixture.index.records = [{
      dataPath: "params_shard_0.bin",
      format: "raw-shard",
      nbytes: shard.bytes.length,
      md5sum: createHash("md5").update(shard.bytes).digest("hex"),
      records: shard.records,
    }];
  });
}

interface TensorRecord {
  name: string;
  shape: number[];
  dtype: string;
  format: string;
  byteOffset: number;
  nbytes: number;
}

/** Appends random tensors to one shard. */
class TensorWriter {
  readonly #random: () => number;
  readonly #isQuantized: boolean;
  /** float32 is stored as bfloat16. */
  readonly #dtype: "float16" | "float32";
  readonly #records: TensorRecord[] = [];
  readonly #chunks: Uint8Array[] = [];
  #byteOffset = 0;

  constructor(quantization: string, seed: number) {
    this.#random = createRandom(seed);
    this.#isQuantized = quantization.startsWith("q4");
    this.#dtype = quantization.includes("f16") ? "float16" : "float32";
  }

  norm(name: string, size: number): void {
    this.#floats(`${name}.weight`, [size], () => 0.5 + this.#random());
  }

  bias(name: string, size: number): void {
    this.#floats(`${name}.bias`, [size], () => this.#random() - 0.5);
  }

  matrix(name: string, n: number, k: number, brokenRow?: number): void {
    const spread = 1.7 / Math.sqrt(k);
    if (!this.#isQuantized) {
      const value = (i: number) =>
        Math.floor(i / k) === brokenRow ? NaN : (2 * this.#random() - 1) * spread;
      this.#floats(`${name}.weight`, [n, k], value);
      return;
    }
    const numGroups = Math.ceil(k / 32);
    const words = new Uint32Array(n * numGroups * 4);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < k; column++) { // codes past K stay 0, as the converter leaves them
        const code = Math.floor(this.#random() * 15);
        words[row * numGroups * 4 + (column >> 3)]! |= code << (4 * (column % 8));
      }
    }
    this.#push(`${name}.q_weight`, [n, numGroups * 4], "uint32", new Uint8Array(words.buffer));
    const scale = () => (0.5 + this.#random()) * spread / 7;
    this.#floats(`${name}.q_scale`, [n, numGroups], scale);
  }

  finish(): { bytes: Uint8Array<ArrayBuffer>; records: TensorRecord[] } {
    const bytes = new Uint8Array(this.#byteOffset);
    this.#chunks.forEach((chunk, i) => bytes.set(chunk, this.#records[i]!.byteOffset));
    return { bytes, records: this.#records };
  }

  #floats(name: string, shape: number[], value: (i: number) => number): void {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, (_, i) => value(i));
    const halves = this.#dtype === "float16"
      ? new Float16Array(values)
      : Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
    this.#push(name, shape, this.#dtype, new Uint8Array(halves.buffer));
  }

  #push(name: string, shape: number[], dtype: string, bytes: Uint8Array): void {
    const nbytes = bytes.length;
    const byteOffset = this.#byteOffset;
    this.#records.push({ name, shape, dtype, format: "f32-to-bf16", byteOffset, nbytes });
    this.#chunks.push(bytes);
    this.#byteOffset += nbytes;
  }
}
