/**
 * A whole llama-family decoder in f64, one token at a time, straight from the papers. Keys and values are rounded to the
 * cache's element type, since that rounding is part of what a model on such a cache computes.
 */
import { attentionReference } from "./attention.ts";
import { rmsNormReference } from "./norm.ts";
import { ropeReference } from "./rope.ts";
import { swigluReference } from "./gated_activation.ts";

/** The published names of what the decoder needs. */
export interface ReferenceConfig {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  vocab_size: number;
  rms_norm_eps: number;
}

/** Runs one sequence. */
export class ReferenceDecoder {
  readonly #keys: Float64Array[][] = [];
  readonly #values: Float64Array[][] = [];
  #position = 0;

  /**
   * @param tensors by parameter name, `….weight` [N, K] (rows may be longer than K: padding)
   * @param options.qkv name of the fused projection; its `.bias` is added where there is one
   * @param options.roundKv rounds a key or value as the cache does
   */
  constructor(
    readonly config: ReferenceConfig,
    readonly tensors: ReadonlyMap<string, Float32Array>,
    readonly options: {
      qkv: string;
      frequencies: Float64Array;
      roundKv: (value: number) => number;
    },
  ) {
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      this.#keys.push([]);
      this.#values.push([]);
    }
  }

  /** Appends a token and returns the logits of the next one, [V]. */
  next(token: number): Float64Array {
    const c = this.config;
    const embedding = this.#tensor("model.embed_tokens.weight");
    const rowSize = embedding.length / c.vocab_size;
    let hidden = Float64Array.from(
      embedding.subarray(token * rowSize, token * rowSize + c.hidden_size),
    );
    for (let layer = 0; layer < c.num_hidden_layers; layer++) {
      const prefix = `model.layers.${layer}`;
      const normed = this.#norm(hidden, `${prefix}.input_layernorm`);
      hidden = add(hidden, this.#attention(normed, layer));
      const normedAgain = this.#norm(hidden, `${prefix}.post_attention_layernorm`);
      const gateUp = this.#linear(
        normedAgain,
        `${prefix}.mlp.gate_up_proj`,
        2 * c.intermediate_size,
      );
      hidden = add(
        hidden,
        this.#linear(swigluReference(gateUp), `${prefix}.mlp.down_proj`, c.hidden_size),
      );
    }
    this.#position++;
    const head = this.tensors.has("lm_head.weight") ? "lm_head" : "model.embed_tokens";
    return this.#linear(this.#norm(hidden, "model.norm"), head, c.vocab_size);
  }

  #attention(x: Float64Array, layer: number): Float64Array {
    const { num_attention_heads: h, num_key_value_heads: kh, head_dim: size } = this.config;
    const { qkv: name, frequencies, roundKv } = this.options;
    const prefix = `model.layers.${layer}.self_attn`;
    const qkv = this.#linear(x, `${prefix}.${name}`, (h + 2 * kh) * size);
    const heads = Array.from({ length: h + 2 * kh }, (_, i) => {
      const head = qkv.subarray(i * size, (i + 1) * size);
      return i < h + kh ? ropeReference(head, this.#position, frequencies) : head;
    });
    const concat = (list: Float64Array[]) => Float64Array.from(list.flatMap((head) => [...head]));
    this.#keys[layer]!.push(concat(heads.slice(h, h + kh)).map(roundKv));
    this.#values[layer]!.push(concat(heads.slice(h + kh)).map(roundKv));
    const attended = attentionReference(
      concat(heads.slice(0, h)),
      this.#keys[layer]!,
      this.#values[layer]!,
      { numHeads: h, numKvHeads: kh, headDim: size },
      1 / Math.sqrt(size),
    );
    return this.#linear(attended, `${prefix}.o_proj`, this.config.hidden_size);
  }

  #norm(x: Float64Array, name: string): Float64Array {
    return rmsNormReference(x, this.#tensor(`${name}.weight`), this.config.rms_norm_eps);
  }

  #linear(x: Float64Array, name: string, numRows: number): Float64Array {
    const weight = this.#tensor(`${name}.weight`);
    const bias = this.tensors.get(`${name}.bias`);
    const rowSize = weight.length / numRows;
    const y = new Float64Array(numRows);
    for (let n = 0; n < numRows; n++) {
      let sum = bias?.[n] ?? 0;
      const row = n * rowSize;
      for (let k = 0; k < x.length; k++) sum += x[k]! * weight[row + k]!;
      y[n] = sum;
    }
    return y;
  }

  #tensor(name: string): Float32Array {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`The package lacks ${name}`);
    return tensor;
  }
}

function add(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(a, (value, i) => value + b[i]!);
}

/** Index of the largest value. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
