/**
 * Writes an MLC package in Qwen2-0.5B's shape with random weights: the sizes of a real model without its files, for
 * measurements and for tests that compare with a reference. It computes noise, but finite noise of a sane scale.
 *
 * @module
 */
import { byteLevelSettings, byteLevelTokenizer } from "./byte_tokenizer.ts";
import { createRandom, randomCodes } from "./random_words.ts";
import { type Tensor, writeShards } from "./write_shards.ts";

/** Options of {@linkcode writeRandomPackage}. */
export interface RandomPackageOptions {
  /**
   * Layers of the decoder; tests take fewer.
   * @default 24
   */
  numLayers?: number;
  /**
   * Rows of the embedding, which is also the head; at least 260.
   * @default 151936
   */
  vocabSize?: number;
  /**
   * Tokens a sequence may hold.
   * @default 2048
   */
  contextLength?: number;
  /**
   * Same seed, same bytes.
   * @default 1
   */
  seed?: number;
}

const HIDDEN_SIZE = 896;
const INTERMEDIATE_SIZE = 4864;
const NUM_HEADS = 14;
const NUM_KV_HEADS = 2;
const HEAD_DIM = 64;
const GROUP_SIZE = 32;
/** Standard deviation of the quantized codes, uniform from -7 to 7 with 7 twice as likely. */
const CODE_DEVIATION = 4.5;
/**
 * Writes the package into `dir`, which is created; a package that is complete there is left as it is.
 *
 * @throws {RangeError} the vocabulary has no room for the byte tokens
 */
export async function writeRandomPackage(
  dir: string,
  options: RandomPackageOptions = {},
): Promise<void> {
  const { numLayers = 24, vocabSize = 151936, contextLength = 2048, seed = 1 } = options;
  const tokenizer = byteLevelTokenizer();
  if (vocabSize < tokenizer.numTokens) {
    throw new RangeError(`vocabSize is ${vocabSize}; at least ${tokenizer.numTokens} are needed`);
  }
  const settings = chatConfig({ numLayers, vocabSize, contextLength }, tokenizer.endOfText);
  const config = JSON.stringify({ ...settings, random_seed: seed }, null, 2);
  if (await readText(`${dir}/mlc-chat-config.json`) === config) return;
  await Deno.mkdir(dir, { recursive: true });
  const records = await writeShards(dir, listTensors({ numLayers, vocabSize, seed }));
  await Deno.writeTextFile(`${dir}/tensor-cache.json`, JSON.stringify({ metadata: {}, records }));
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(tokenizer.json));
  // Last: a folder with this file is complete.
  await Deno.writeTextFile(`${dir}/mlc-chat-config.json`, config);
}

async function readText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function chatConfig(
  sizes: { numLayers: number; vocabSize: number; contextLength: number },
  endOfText: number,
) {
  const { numLayers, vocabSize, contextLength } = sizes;
  return {
    model_type: "qwen2",
    quantization: "q4f16_1",
    model_config: {
      hidden_act: "silu",
      hidden_size: HIDDEN_SIZE,
      intermediate_size: INTERMEDIATE_SIZE,
      num_attention_heads: NUM_HEADS,
      num_hidden_layers: numLayers,
      num_key_value_heads: NUM_KV_HEADS,
      head_dim: HEAD_DIM,
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      vocab_size: vocabSize,
      tie_word_embeddings: true,
      context_window_size: contextLength,
    },
    vocab_size: vocabSize,
    context_window_size: contextLength,
    ...byteLevelSettings(endOfText),
  };
}

function* listTensors(
  sizes: { numLayers: number; vocabSize: number; seed: number },
): Generator<Tensor> {
  const random = createRandom(sizes.seed);
  const qkvRows = (NUM_HEADS + 2 * NUM_KV_HEADS) * HEAD_DIM;
  yield* matrix(random, "model.embed_tokens", [sizes.vocabSize, HIDDEN_SIZE]);
  for (let layer = 0; layer < sizes.numLayers; layer++) {
    const prefix = `model.layers.${layer}`;
    yield vector(random, `${prefix}.input_layernorm.weight`, HIDDEN_SIZE, 1);
    yield* matrix(random, `${prefix}.self_attn.c_attn`, [qkvRows, HIDDEN_SIZE]);
    yield vector(random, `${prefix}.self_attn.c_attn.bias`, qkvRows, 0);
    yield* matrix(random, `${prefix}.self_attn.o_proj`, [HIDDEN_SIZE, NUM_HEADS * HEAD_DIM]);
    yield vector(random, `${prefix}.post_attention_layernorm.weight`, HIDDEN_SIZE, 1);
    yield* matrix(random, `${prefix}.mlp.gate_up_proj`, [2 * INTERMEDIATE_SIZE, HIDDEN_SIZE]);
    yield* matrix(random, `${prefix}.mlp.down_proj`, [HIDDEN_SIZE, INTERMEDIATE_SIZE]);
  }
  yield vector(random, "model.norm.weight", HIDDEN_SIZE, 1);
}

/** [N, K] as 4-bit codes, eight a word, and one f16 scale a group; values have the variance 1 / K. */
function* matrix(random: () => number, name: string, [n, k]: [number, number]): Generator<Tensor> {
  const codes = randomCodes(random, n * k / 8);
  const scales = new Float16Array(n * k / GROUP_SIZE);
  const mean = 1 / (CODE_DEVIATION * Math.sqrt(k));
  for (let i = 0; i < scales.length; i++) scales[i] = mean * (0.75 + 0.5 * unit(random));
  yield { name: `${name}.q_weight`, shape: [n, k / 8], dtype: "uint32", bytes: codes };
  yield {
    name: `${name}.q_scale`,
    shape: [n, k / GROUP_SIZE],
    dtype: "float16",
    bytes: new Uint8Array(scales.buffer),
  };
}

/** [N] f16 around `center`, at most 0.1 from it. */
function vector(random: () => number, name: string, size: number, center: number): Tensor {
  const values = Float16Array.from({ length: size }, () => center + 0.2 * (unit(random) - 0.5));
  return { name, shape: [size], dtype: "float16", bytes: new Uint8Array(values.buffer) };
}

function unit(random: () => number): number {
  return random() / 2 ** 32;
}
