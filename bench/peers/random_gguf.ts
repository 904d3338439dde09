/**
 * A GGUF file of a shape with random Q4_0 weights: what llama.cpp gets where our engine gets the random MLC package.
 *
 * @module
 */
import { createRandom } from "../random_words.ts";
import { type GgufTensor, type GgufValue, Q4_0_BLOCK, writeGguf } from "./gguf.ts";
import { CONTEXT_LENGTH, type Shape } from "./shapes.ts";

/** Standard deviation of whole numbers that are uniform from 0 to 15. */
const CODE_DEVIATION = 4.61;
/** `general.file_type` of files whose matrices are mostly Q4_0. */
const FILE_TYPE_Q4_0 = 2;
/** Kinds of vocabulary entries. */
const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, byte: 6 };

/** Writes the file; one that is there is left as it is, since it gets its name last. */
export async function writeRandomGguf(path: string, shape: Shape, seed = 1): Promise<void> {
  if (await Deno.stat(path).then(() => true, () => false)) return;
  const incomplete = `${path}.incomplete`;
  await writeGguf(incomplete, describe(shape), listTensors(shape, createRandom(seed)));
  await Deno.rename(incomplete, path);
}

/** Metadata of the architecture and a vocabulary of bytes and made-up words, in SentencePiece's form. */
export function describe(shape: Shape): Map<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: "u32", value });
  const f32 = (value: number): GgufValue => ({ type: "f32", value });
  const own: Record<string, GgufValue> = {
    context_length: u32(CONTEXT_LENGTH),
    embedding_length: u32(shape.hiddenSize),
    block_count: u32(shape.numLayers),
    feed_forward_length: u32(shape.intermediateSize),
    "rope.dimension_count": u32(shape.headDim),
    "rope.freq_base": f32(shape.ropeTheta),
    "attention.head_count": u32(shape.numHeads),
    "attention.head_count_kv": u32(shape.numKvHeads),
    "attention.layer_norm_rms_epsilon": f32(shape.rmsNormEps),
    vocab_size: u32(shape.vocabSize),
  };
  return new Map<string, GgufValue>([
    ["general.architecture", { type: "string", value: shape.architecture }],
    ["general.name", { type: "string", value: `${shape.name} of random weights` }],
    ["general.file_type", u32(FILE_TYPE_Q4_0)],
    ...Object.entries(own).map(([key, value]) =>
      [`${shape.architecture}.${key}`, value] as [string, GgufValue]
    ),
    ...describeTokenizer(shape.vocabSize),
  ]);
}

function describeTokenizer(vocabSize: number): [string, GgufValue][] {
  const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");
  const tokens = ["<unk>", "<s>", "</s>"];
  const types = [TOKEN_TYPE.unknown, TOKEN_TYPE.control, TOKEN_TYPE.control];
  for (let byte = 0; byte < 256; byte++) {
    tokens.push(`<0x${hex(byte)}>`);
    types.push(TOKEN_TYPE.byte);
  }
  for (let word = 0; tokens.length < vocabSize; word++) {
    tokens.push(`\u2581w${word}`);
    types.push(TOKEN_TYPE.normal);
  }
  return [
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "string[]", value: tokens }],
    ["tokenizer.ggml.scores", { type: "f32[]", value: tokens.map((_, id) => -id) }],
    ["tokenizer.ggml.token_type", { type: "i32[]", value: types }],
    ["tokenizer.ggml.unknown_token_id", { type: "u32", value: 0 }],
    ["tokenizer.ggml.bos_token_id", { type: "u32", value: 1 }],
    ["tokenizer.ggml.eos_token_id", { type: "u32", value: 2 }],
  ];
}

/** In llama.cpp's names; the embedding is also the head, so there is no `output.weight`. */
export function listTensors(shape: Shape, random: () => number): GgufTensor[] {
  const { hiddenSize, intermediateSize, headDim } = shape;
  const queryRows = shape.numHeads * headDim;
  const kvRows = shape.numKvHeads * headDim;
  const matrix = (name: string, k: number, n: number): GgufTensor => ({
    name: `${name}.weight`,
    dimensions: [k, n],
    dtype: "Q4_0",
    createBytes: () => randomBlocks(random, k, n),
  });
  const vector = (name: string, size: number, value: number): GgufTensor => ({
    name,
    dimensions: [size],
    dtype: "F32",
    createBytes: () => new Uint8Array(new Float32Array(size).fill(value).buffer),
  });
  const bias = (name: string, size: number) =>
    shape.architecture === "qwen2" ? [vector(`${name}.bias`, size, 0.01)] : [];
  const layer = (prefix: string) => [
    vector(`${prefix}.attn_norm.weight`, hiddenSize, 1),
    matrix(`${prefix}.attn_q`, hiddenSize, queryRows),
    ...bias(`${prefix}.attn_q`, queryRows),
    matrix(`${prefix}.attn_k`, hiddenSize, kvRows),
    ...bias(`${prefix}.attn_k`, kvRows),
    matrix(`${prefix}.attn_v`, hiddenSize, kvRows),
    ...bias(`${prefix}.attn_v`, kvRows),
    matrix(`${prefix}.attn_output`, queryRows, hiddenSize),
    vector(`${prefix}.ffn_norm.weight`, hiddenSize, 1),
    matrix(`${prefix}.ffn_gate`, hiddenSize, intermediateSize),
    matrix(`${prefix}.ffn_up`, hiddenSize, intermediateSize),
    matrix(`${prefix}.ffn_down`, intermediateSize, hiddenSize),
  ];
  return [
    matrix("token_embd", hiddenSize, shape.vocabSize),
    ...Array.from({ length: shape.numLayers }, (_, i) => layer(`blk.${i}`)).flat(),
    vector("output_norm.weight", hiddenSize, 1),
  ];
}

/** [N, K] in blocks of an f16 scale and 32 nibbles; values have the variance 1 / K. */
function randomBlocks(random: () => number, k: number, n: number): Uint8Array<ArrayBuffer> {
  const { numValues, numBytes } = Q4_0_BLOCK;
  const numBlocks = n * k / numValues;
  const halves = new Uint16Array(numBlocks * numBytes / 2);
  const scale = 1 / (CODE_DEVIATION * Math.sqrt(k));
  const [scaleBits] = new Uint16Array(Float16Array.of(scale).buffer);
  for (let i = 0; i < halves.length; i += numBytes / 2) {
    halves[i] = scaleBits!;
    for (let half = 1; half < numBytes / 2; half += 2) {
      const word = random();
      halves[i + half] = word;
      halves[i + half + 1] = word >>> 16;
    }
  }
  return new Uint8Array(halves.buffer);
}
