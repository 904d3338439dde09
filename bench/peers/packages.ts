/**
 * MLC packages of a shape with random weights: for a compiled library with exactly the parameters that it asks for, else
 * with those of the usual conversion to q4f16_1.
 *
 * @module
 */
import type { Library, LibraryParam } from "../../engine/backends/web_llm/library.ts";
import { writeLibraryPackage } from "../../tools/libraries/random_package.ts";
import { byteLevelTokenizer } from "../byte_tokenizer.ts";
import type { Shape } from "./shapes.ts";

const QUANTIZATION = "q4f16_1";
const GROUP_SIZE = 32;
const CODES_PER_WORD = 8;

/** Writes the package into `dir`; one that is complete there is left as it is. */
export async function writePackage(
  dir: string,
  shape: Shape,
  library: Library | null = null,
): Promise<void> {
  const { params, modelType, quantization } = library ??
    { params: listParams(shape), modelType: shape.architecture, quantization: QUANTIZATION };
  await writeLibraryPackage(dir, { params, modelType, quantization }, {
    config: describe(shape),
    vocabSize: shape.vocabSize,
  });
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(fullTokenizer(shape)));
}

function describe(shape: Shape): Record<string, unknown> {
  return {
    hidden_act: "silu",
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_attention_heads: shape.numHeads,
    num_hidden_layers: shape.numLayers,
    num_key_value_heads: shape.numKvHeads,
    head_dim: shape.headDim,
    rms_norm_eps: shape.rmsNormEps,
    [shape.architecture === "qwen2" ? "rope_theta" : "position_embedding_base"]: shape.ropeTheta,
    tie_word_embeddings: true,
  };
}

/** Bytes, and a word for every other token: each generated token becomes text, which a stream can be timed by. */
function fullTokenizer({ vocabSize }: Shape): Record<string, unknown> {
  const { json, numTokens } = byteLevelTokenizer();
  const { vocab, ...model } = json.model as { vocab: Record<string, number> };
  const all = { ...vocab };
  for (let id = numTokens; id < vocabSize; id++) all[`Ġw${id}`] = id;
  return { ...json, model: { ...model, vocab: all } };
}

/** Names and shapes as the usual converter writes them. */
function listParams(shape: Shape): LibraryParam[] {
  const { hiddenSize, headDim } = shape;
  const qkvRows = (shape.numHeads + 2 * shape.numKvHeads) * headDim;
  const [qkv, qkvBias] = shape.architecture === "qwen2"
    ? ["self_attn.c_attn", ["self_attn.c_attn.bias"]]
    : ["self_attn.qkv_proj", []];
  const matrix = (name: string, n: number, k: number): LibraryParam[] => [
    { name: `${name}.q_weight`, shape: [n, k / CODES_PER_WORD], dtype: "uint32" },
    { name: `${name}.q_scale`, shape: [n, k / GROUP_SIZE], dtype: "float16" },
  ];
  const vector = (name: string, size: number): LibraryParam => ({
    name,
    shape: [size],
    dtype: "float16",
  });
  const layer = (prefix: string) => [
    vector(`${prefix}.input_layernorm.weight`, hiddenSize),
    ...matrix(`${prefix}.${qkv}`, qkvRows, hiddenSize),
    ...qkvBias.map((name) => vector(`${prefix}.${name}`, qkvRows)),
    ...matrix(`${prefix}.self_attn.o_proj`, hiddenSize, shape.numHeads * headDim),
    vector(`${prefix}.post_attention_layernorm.weight`, hiddenSize),
    ...matrix(`${prefix}.mlp.gate_up_proj`, 2 * shape.intermediateSize, hiddenSize),
    ...matrix(`${prefix}.mlp.down_proj`, hiddenSize, shape.intermediateSize),
  ];
  return [
    ...matrix("model.embed_tokens", shape.vocabSize, hiddenSize),
    ...Array.from({ length: shape.numLayers }, (_, i) => layer(`model.layers.${i}`)).flat(),
    vector("model.norm.weight", hiddenSize),
  ];
}
