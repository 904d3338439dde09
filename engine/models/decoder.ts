/**
 * The pre-norm decoder that every architecture here is a variant of: RoPE, grouped-query attention, a gated MLP. An
 * architecture's own file says how its tensors are called and where it departs.
 *
 * @module
 */
import type { Dispatch } from "../gpu/mod.ts";
import {
  type Activation,
  joinRows,
  type Matrix,
  type Norm,
  type QkvProjection,
  type Residual,
} from "../ops/mod.ts";
import type {
  Architecture,
  DecoderConfig,
  StepParts,
  TensorSpec,
  Weights,
} from "./architecture.ts";
import type { Fields } from "./fields.ts";

/** Tensors of one layer, without `.weight`. A norm that is absent is not applied. */
export interface LayerNames {
  /** Before attention. */
  readonly inputNorm: string;
  /** Query, key and value rows: fused, or one name each. */
  readonly qkv: string | readonly [query: string, key: string, value: string];
  /** Of each query head. */
  readonly queryNorm?: string;
  /** Of each key head. */
  readonly keyNorm?: string;
  readonly output: string;
  /** Of attention's output, before it joins the residual stream. */
  readonly postAttentionNorm?: string;
  /** Before the MLP. */
  readonly mlpNorm: string;
  readonly gateUp: string;
  readonly down: string;
  /** Of the MLP's output, before it joins the residual stream. */
  readonly postMlpNorm?: string;
}

/** What makes an architecture. */
export interface DecoderVariant {
  readonly embedding: string;
  readonly finalNorm: string;
  /** Where it is absent from the package the embedding serves. */
  readonly head: string;
  layer(index: number): LayerNames;
  readonly hasQkvBias: boolean;
  readonly activation: "swiglu" | "geglu";
  /** @throws {ModelInvalidError} a size is missing, out of range or contradicts another */
  readConfig(fields: Fields): DecoderConfig;
}

/** Rows of query, key and value heads, in this order. */
function qkvRows(config: DecoderConfig): [query: number, key: number, value: number] {
  const { numAttentionHeads, numKeyValueHeads, headDim } = config;
  return [numAttentionHeads * headDim, numKeyValueHeads * headDim, numKeyValueHeads * headDim];
}

function listTensors(
  config: DecoderConfig,
  variant: DecoderVariant,
  hasTensor: (name: string) => boolean,
): TensorSpec[] {
  const { hiddenSize, intermediateSize, vocabSize, headDim } = config;
  const specs: TensorSpec[] = [];
  const matrix = (name: string, numRows: number, numCols: number) =>
    specs.push({ kind: "matrix", name, numRows, numCols });
  const vector = (name: string | undefined, size: number) => {
    if (name !== undefined) specs.push({ kind: "vector", name, size });
  };
  const [queryRows, keyRows, valueRows] = qkvRows(config);
  matrix(variant.embedding, vocabSize, hiddenSize);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const names = variant.layer(layer);
    const qkv: [string, number][] = typeof names.qkv === "string"
      ? [[names.qkv, queryRows + keyRows + valueRows]]
      : [[names.qkv[0], queryRows], [names.qkv[1], keyRows], [names.qkv[2], valueRows]];
    for (const [name, numRows] of qkv) {
      matrix(name, numRows, hiddenSize);
      if (variant.hasQkvBias) vector(`${name}.bias`, numRows);
    }
    vector(names.inputNorm, hiddenSize);
    vector(names.queryNorm, headDim);
    vector(names.keyNorm, headDim);
    matrix(names.output, hiddenSize, queryRows);
    vector(names.postAttentionNorm, hiddenSize);
    vector(names.mlpNorm, hiddenSize);
    matrix(names.gateUp, 2 * intermediateSize, hiddenSize);
    matrix(names.down, hiddenSize, intermediateSize);
    vector(names.postMlpNorm, hiddenSize);
  }
  vector(variant.finalNorm, hiddenSize);
  if (hasTensor(variant.head)) matrix(variant.head, vocabSize, hiddenSize);
  return specs;
}

/** What the residual stream flows into next: the norm of a layer's half, or of the head. */
interface NextNorm {
  readonly name: string;
  /** Reads what the norm leaves. */
  readonly weight: Matrix;
  readonly isLast?: boolean;
}

/** Records one step. A layer's two halves each add to the residual stream and prepare the norm of the half that follows. */
class StepRecorder {
  readonly #dispatches: Dispatch[] = [];

  constructor(
    readonly config: DecoderConfig,
    readonly variant: DecoderVariant,
    readonly parts: StepParts,
  ) {}

  async record(): Promise<Dispatch[]> {
    return [...await this.#layers(), ...await this.#head()];
  }

  async #layers(): Promise<Dispatch[]> {
    const { config, variant, parts: { ops, weights } } = this;
    const layers = Array.from({ length: config.numHiddenLayers }, (_, i) => {
      const names = variant.layer(i);
      return { names, qkv: qkvMatrix(weights, names) };
    });
    const inputNorm = (i: number): NextNorm => {
      const next = layers[i];
      return next ? { name: next.names.inputNorm, weight: next.qkv } : this.#finalNorm();
    };
    const begin = this.#residual(inputNorm(0));
    const scale = config.embeddingScale;
    this.#add(await ops.embed(weights.matrix(variant.embedding), begin, { scale }));
    const embedding = this.#take();
    const all: Dispatch[][] = [];
    for (const [i, { names, qkv }] of layers.entries()) {
      await this.#attention(i, names, qkv);
      await this.#mlp(names, inputNorm(i + 1));
      all.push(this.#take());
    }
    return [...embedding, ...await ops.fuseLayers?.(all) ?? all.flat()];
  }

  #finalNorm(): NextNorm {
    const { variant, parts: { weights } } = this;
    const name = weights.has(variant.head) ? variant.head : variant.embedding;
    return { name: variant.finalNorm, weight: weights.matrix(name), isLast: true };
  }

  async #head(): Promise<Dispatch[]> {
    const { config, parts: { ops, activations } } = this;
    const { weight } = this.#finalNorm(); // which the last layer has prepared
    const x = ops.activation("normed", weight);
    const options = optional("softCap", config.logitSoftCap);
    this.#add(await ops.logits(x, weight, activations.logits, options));
    return this.#take();
  }

  async #attention(layer: number, names: LayerNames, qkv: Matrix): Promise<void> {
    const { config, parts: { ops, weights, kv, cosSin } } = this;
    const { rope, window } = config.layers[layer]!;
    const output = weights.matrix(names.output);
    const attended = ops.activation("attended", output);
    this.#add(
      await ops.attention(
        ops.activation("normed", qkv),
        { weight: qkv, cosSin: cosSin[rope]!, ...this.#qkvVectors(names) },
        kv[layer]!,
        attended,
        {
          numHeads: config.numAttentionHeads,
          numKvHeads: config.numKeyValueHeads,
          headDim: config.headDim,
          rotaryDim: config.rotaryDim,
          scale: config.attentionScale,
          ...optional("softCap", config.attentionSoftCap),
          ...optional("window", window),
        },
      ),
    );
    const next = { name: names.mlpNorm, weight: weights.matrix(names.gateUp) };
    await this.#join(attended, output, names.postAttentionNorm, next);
  }

  async #mlp(names: LayerNames, next: NextNorm): Promise<void> {
    const { variant: { activation }, parts: { ops, weights } } = this;
    const gateUp = weights.matrix(names.gateUp);
    const down = weights.matrix(names.down);
    const gated = ops.activation("gated", down);
    this.#add(
      await ops.gatedLinear(ops.activation("normed", gateUp), gateUp, gated, { activation }),
    );
    await this.#join(gated, down, names.postMlpNorm, next);
  }

  /** The residual stream takes up a half's output, normalized first where the variant does so. */
  async #join(
    x: Activation,
    weight: Matrix,
    postNorm: string | undefined,
    next: NextNorm,
  ): Promise<void> {
    const options = postNorm === undefined ? {} : { postNorm: this.#norm(postNorm) };
    this.#add(await this.parts.ops.addLinear(x, weight, this.#residual(next), options));
  }

  #qkvVectors(names: LayerNames): Pick<QkvProjection, "bias" | "headNorms"> {
    const { config, variant, parts: { weights } } = this;
    const { queryNorm, keyNorm, qkv } = names;
    const bias = variant.hasQkvBias && typeof qkv === "string"
      ? { bias: weights.vector(`${qkv}.bias`) }
      : {};
    if (queryNorm === undefined || keyNorm === undefined) return bias;
    const [query, key] = [weights.vector(queryNorm), weights.vector(keyNorm)];
    return { ...bias, headNorms: { query, key, eps: config.rmsNormEps } };
  }

  #residual({ name, weight, isLast = false }: NextNorm): Residual {
    const { ops, activations: { hidden } } = this.parts;
    return { hidden, norm: this.#norm(name), normed: ops.activation("normed", weight), isLast };
  }

  #norm(name: string): Norm {
    return { weight: this.parts.weights.vector(name), eps: this.config.rmsNormEps };
  }

  #add(dispatches: readonly Dispatch[]): void {
    this.#dispatches.push(...dispatches);
  }

  #take(): Dispatch[] {
    return this.#dispatches.splice(0);
  }
}

function qkvMatrix(weights: Weights, { qkv }: LayerNames) {
  if (typeof qkv === "string") return weights.matrix(qkv);
  return joinRows("qkv", qkv.map((name) => weights.matrix(name)));
}

/** `{ name: value }`, or nothing for null. */
function optional<N extends string, T>(name: N, value: T | null): { [K in N]?: T } {
  return (value === null ? {} : { [name]: value }) as { [K in N]?: T };
}

/** Builds the architecture of a variant. */
export function createDecoder(variant: DecoderVariant): Architecture {
  return {
    readConfig: (fields) => variant.readConfig(fields),
    tensors: (config, hasTensor) => listTensors(config, variant, hasTensor),
    record: (config, parts) => new StepRecorder(config, variant, parts).record(),
  };
}
