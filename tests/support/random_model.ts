/**
 * Small decoders with random weights, in every quantization and at sizes that fit no tile.
 */
import { createHash } from "node:crypto";
import { writePackage } from "./mlc_package.ts";
import { createRandom } from "./random.ts";

/** Heads of 24, a hidden size that is no multiple of a group, an odd vocabulary. */
export const SMALL_CONFIG = {
  hidden_size: 72,
  intermediate_size: 100,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 24,
  vocab_size: 331,
  rms_norm_eps: 1e-5,
  position_embedding_base: 10000,
  context_window_size: 256,
  tie_word_embeddings: false,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  },
};

/** What varies between the packages. */
export interface RandomModelOptions {
  modelType: "llama" | "qwen2";
  quantization: "q4f16_1" | "q4f32_1" | "q0f16" | "q0f32";
  hasHead: boolean;
  /** @default SMALL_CONFIG */
  config?: typeof SMALL_CONFIG;
  /** @default 1 */
  seed?: number;
}

/** Writes a package and returns its directory. */
export async function writeRandomModel(options: RandomModelOptions): Promise<string> {
  const { modelType, quantization, hasHead, config: c = SMALL_CONFIG, seed = 1 } = options;
  const random = createRandom(seed);
  const isQuantized = quantization.startsWith("q4");
  const dtype = quantization.includes("f16") ? "float16" : "float32"; // float32 is stored as bfloat16
  const records: Record<string, unknown>[] = [];
  const chunks: Uint8Array[] = [];
  let byteOffset = 0;

  function push(name: string, shape: number[], type: string, bytes: Uint8Array): void {
    records.push({
      name,
      shape,
      dtype: type,
      format: "f32-to-bf16",
      byteOffset,
      nbytes: bytes.length,
    });
    chunks.push(bytes);
    byteOffset += bytes.length;
  }
  function floats(name: string, shape: number[], value: () => number): void {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, value);
    const bytes = dtype === "float16"
      ? new Uint8Array(new Float16Array(values).buffer)
      : new Uint8Array(
        Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16).buffer,
      );
    push(name, shape, dtype, bytes);
  }
  function matrix(name: string, n: number, k: number): void {
    const spread = 1.7 / Math.sqrt(k);
    if (!isQuantized) return floats(`${name}.weight`, [n, k], () => (2 * random() - 1) * spread);
    const numGroups = Math.ceil(k / 32);
    const words = new Uint32Array(n * numGroups * 4);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < k; column++) { // codes past K stay 0, as the converter leaves them
        const code = Math.floor(random() * 15);
        words[row * numGroups * 4 + (column >> 3)]! |= code << (4 * (column % 8));
      }
    }
    push(`${name}.q_weight`, [n, numGroups * 4], "uint32", new Uint8Array(words.buffer));
    floats(`${name}.q_scale`, [n, numGroups], () => (0.5 + random()) * spread / 7);
  }
  const norm = (name: string) => floats(`${name}.weight`, [c.hidden_size], () => 0.5 + random());

  const attentionSize = c.num_attention_heads * c.head_dim;
  const qkvRows = attentionSize + 2 * c.num_key_value_heads * c.head_dim;
  const qkv = modelType === "qwen2" ? "c_attn" : "qkv_proj";
  matrix("model.embed_tokens", c.vocab_size, c.hidden_size);
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}`;
    norm(`${prefix}.input_layernorm`);
    matrix(`${prefix}.self_attn.${qkv}`, qkvRows, c.hidden_size);
    if (modelType === "qwen2") {
      floats(`${prefix}.self_attn.${qkv}.bias`, [qkvRows], () => random() - 0.5);
    }
    matrix(`${prefix}.self_attn.o_proj`, c.hidden_size, attentionSize);
    norm(`${prefix}.post_attention_layernorm`);
    matrix(`${prefix}.mlp.gate_up_proj`, 2 * c.intermediate_size, c.hidden_size);
    matrix(`${prefix}.mlp.down_proj`, c.hidden_size, c.intermediate_size);
  }
  norm("model.norm");
  if (hasHead) matrix("lm_head", c.vocab_size, c.hidden_size);

  const shard = new Uint8Array(byteOffset);
  for (const [i, chunk] of chunks.entries()) shard.set(chunk, records[i]!.byteOffset as number);
  return await writePackage((fixture) => {
    fixture.config = {
      model_type: modelType,
      quantization,
      model_config: { ...c, tie_word_embeddings: !hasHead },
      vocab_size: c.vocab_size,
      context_window_size: c.context_window_size,
    };
    fixture.shards = [shard];
    fixture.index.records = [{
      dataPath: "params_shard_0.bin",
      format: "raw-shard",
      nbytes: shard.length,
      md5sum: createHash("md5").update(shard).digest("hex"),
      records: records as never,
    }];
  });
}
