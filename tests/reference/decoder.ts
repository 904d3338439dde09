/**
 * A whole decoder in f64, one token at a time, straight from the papers. Keys and values are rounded to the cache's element
 * type, since that rounding is part of what a model on such a cache computes.
 */
import type { ReferenceArchitecture, SIZES } from "./architectures.ts";
import { attentionReference } from "./attention.ts";
import { gegluReference, swigluReference } from "./gated_activation.ts";
import { rmsNormReference } from "./norm.ts";
import { ropeReference } from "./rope.ts";

/** Runs one sequence. */
export class ReferenceDecoder {
  readonly #keys: Float64Array[][];
  readonly #values: Float64Array[][];
  #position = 0;

  /**
   * @param tensors by parameter name, `….weight` [N, K] (rows may be longer than K: padding)
   * @param roundKv rounds a key or value as the cache does
   * @param roundInput rounds what a layer reads as its kernel does
   */
  constructor(
    readonly architecture: ReferenceArchitecture,
    readonly sizes: typeof SIZES,
    readonly tensors: ReadonlyMap<string, Float32Array>,
    readonly roundKv: (value: number) => number,
    readonly roundInput: (x: Float64Array) => Float64Array = (x) => x,
  ) {
    this.#keys = Array.from({ length: sizes.num_hidden_layers }, () => []);
    this.#values = Array.from({ length: sizes.num_hidden_layers }, () => []);
  }

  /** Appends a token and returns the logits of the next one, [V]. */
  next(token: number): Float64Array {
    const { architecture: a, sizes: s } = this;
    const embedding = this.#tensor(`${a.embedding}.weight`);
    const rowSize = embedding.length / s.vocab_size;
    let hidden = Float64Array.from(
      embedding.subarray(token * rowSize, token * rowSize + s.hidden_size),
      (value) => value * a.embeddingScale,
    );
    for (let layer = 0; layer < s.num_hidden_layers; layer++) {
      let out = this.#attention(this.#norm(hidden, a.inputNorm(layer)), layer);
      if (a.postAttentionNorm) out = this.#norm(out, a.postAttentionNorm(layer));
      hidden = add(hidden, out);
      out = this.#mlp(this.#norm(hidden, a.mlpNorm(layer)), layer);
      if (a.postMlpNorm) out = this.#norm(out, a.postMlpNorm(layer));
      hidden = add(hidden, out);
    }
    this.#position++;
    const head = this.tensors.has("lm_head.weight") ? "lm_head" : a.embedding;
    const logits = this.#linear(this.#norm(hidden, a.finalNorm), head, s.vocab_size);
    const cap = a.logitSoftCap;
    return cap === undefined ? logits : logits.map((logit) => cap * Math.tanh(logit / cap));
  }

  #attention(x: Float64Array, layer: number): Float64Array {
    const { architecture: a, sizes: s } = this;
    const { num_attention_heads: h, num_key_value_heads: kh, head_dim: size } = s;
    const names = a.qkv(layer);
    const rows = names.length === 1 ? [h + 2 * kh] : [h, kh, kh];
    const qkv = names.flatMap((name, i) => [...this.#linear(x, name, rows[i]! * size)]);
    const heads = Array.from({ length: h + 2 * kh }, (_, i) => {
      let head = Float64Array.from(qkv.slice(i * size, (i + 1) * size));
      if (i >= h + kh) return head;
      const norms = a.headNorms?.(layer);
      if (norms) head = this.#norm(head, i < h ? norms[0] : norms[1]);
      return ropeReference(head, this.#position, a.frequencies(layer), a.magnitude);
    });
    const concat = (list: Float64Array[]) => Float64Array.from(list.flatMap((head) => [...head]));
    this.#keys[layer]!.push(concat(heads.slice(h, h + kh)).map(this.roundKv));
    this.#values[layer]!.push(concat(heads.slice(h + kh)).map(this.roundKv));
    const window = a.window(layer);
    const attended = attentionReference(
      concat(heads.slice(0, h)),
      this.#keys[layer]!,
      this.#values[layer]!,
      { numHeads: h, numKvHeads: kh, headDim: size },
      a.attentionScale,
      {
        ...(window === undefined ? {} : { window }),
        ...(a.attentionSoftCap === undefined ? {} : { softCap: a.attentionSoftCap }),
      },
    );
    return this.#linear(attended, a.output(layer), s.hidden_size);
  }

  #mlp(x: Float64Array, layer: number): Float64Array {
    const { architecture: a, sizes: s } = this;
    const gateUp = this.#linear(x, a.gateUp(layer), 2 * s.intermediate_size);
    const activated = a.activation === "silu" ? swigluReference(gateUp) : gegluReference(gateUp);
    return this.#linear(activated, a.down(layer), s.hidden_size);
  }

  #norm(x: Float64Array, name: string): Float64Array<ArrayBuffer> {
    return new Float64Array(
      rmsNormReference(x, this.#tensor(`${name}.weight`), this.sizes.rms_norm_eps),
    );
  }

  #linear(input: Float64Array, name: string, numRows: number): Float64Array<ArrayBuffer> {
    const x = this.roundInput(input);
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
