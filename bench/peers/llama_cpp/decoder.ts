/**
 * A model on llama.cpp.
 *
 * @module
 */
import type { Append, Decoder } from "../decoder.ts";
import { type LlamaCpp, toCString } from "./library.ts";

/** Options of {@linkcode LlamaDecoder.load}. */
export interface LlamaOptions {
  /** Path of the GGUF file. */
  path: string;
  vocabSize: number;
  numThreads: number;
  /** Sequences that the cache holds. */
  maxSequences: number;
  /** Tokens of each. */
  contextLength: number;
}

/** Tokens of one call, and of one pass through the layers: llama.cpp's own defaults. */
const MAX_BATCH = 2048;
const MAX_PASS = 512;
/** Byte offsets in llama_context_params. */
const CONTEXT = {
  n_ctx: 0,
  n_batch: 4,
  n_ubatch: 8,
  n_seq_max: 12,
  n_threads: 28,
  n_threads_batch: 32,
};
const BATCH_BYTES = 56;

/** Arrays that a batch points to. */
class Batch {
  readonly tokens = new Int32Array(MAX_BATCH);
  readonly positions = new Int32Array(MAX_BATCH);
  readonly sequences = new Int32Array(MAX_BATCH);
  readonly wantsLogits = new Int8Array(MAX_BATCH);
  readonly #counts = new Int32Array(MAX_BATCH).fill(1);
  readonly #sequencePointers = new BigUint64Array(MAX_BATCH);
  readonly #struct = new Uint8Array(BATCH_BYTES);
  readonly #view = new DataView(this.#struct.buffer);

  constructor() {
    const first = addressOf(this.sequences);
    for (let i = 0; i < MAX_BATCH; i++) this.#sequencePointers[i] = first + BigInt(4 * i);
    const arrays = [
      this.tokens,
      null, // embd
      this.positions,
      this.#counts,
      this.#sequencePointers,
      this.wantsLogits,
    ];
    arrays.forEach((array, i) => {
      this.#view.setBigUint64(8 + 8 * i, array === null ? 0n : addressOf(array), true);
    });
  }

  toStruct(numTokens: number): Uint8Array<ArrayBuffer> {
    this.#view.setInt32(0, numTokens, true);
    return this.#struct;
  }
}

/** Sequences in llama.cpp's cache. */
export class LlamaDecoder implements Decoder {
  readonly vocabSize: number;
  readonly #llama: LlamaCpp;
  readonly #context: Deno.PointerValue;
  readonly #memory: Deno.PointerValue;
  readonly #batch = new Batch();
  readonly #lengths: number[];

  private constructor(llama: LlamaCpp, context: Deno.PointerValue, options: LlamaOptions) {
    this.#llama = llama;
    this.#context = context;
    this.#memory = llama.llama_get_memory(context);
    this.vocabSize = options.vocabSize;
    this.#lengths = new Array(options.maxSequences).fill(0);
  }

  /** @throws {Error} llama.cpp refuses the file, or holds another model than was asked for */
  static load(llama: LlamaCpp, options: LlamaOptions): LlamaDecoder {
    const model = llama.llama_model_load_from_file(
      toCString(options.path),
      llama.llama_model_default_params() as Uint8Array<ArrayBuffer>,
    );
    if (model === null) throw new Error(`llama.cpp cannot load ${options.path}`);
    const params = llama.llama_context_default_params() as Uint8Array<ArrayBuffer>;
    const view = new DataView(params.buffer);
    view.setUint32(CONTEXT.n_ctx, options.contextLength * options.maxSequences, true);
    view.setUint32(CONTEXT.n_batch, MAX_BATCH, true);
    view.setUint32(CONTEXT.n_ubatch, MAX_PASS, true);
    view.setUint32(CONTEXT.n_seq_max, options.maxSequences, true);
    view.setInt32(CONTEXT.n_threads, options.numThreads, true);
    view.setInt32(CONTEXT.n_threads_batch, options.numThreads, true);
    const context = llama.llama_init_from_model(model, params);
    if (context === null) throw new Error(`llama.cpp makes no context for ${options.path}`);
    return new LlamaDecoder(llama, context, options);
  }

  reset(): void {
    this.#llama.llama_memory_clear(this.#memory, true);
    this.#lengths.fill(0);
  }

  append(steps: readonly Append[]): Promise<void> {
    let numTokens = 0;
    const { tokens, positions, sequences, wantsLogits } = this.#batch;
    for (const step of steps) {
      for (const token of step.tokens) {
        tokens[numTokens] = token;
        positions[numTokens] = this.#lengths[step.sequence]!++;
        sequences[numTokens] = step.sequence;
        wantsLogits[numTokens] = 0;
        numTokens++;
      }
      wantsLogits[numTokens - 1] = 1;
    }
    if (numTokens > MAX_BATCH) {
      throw new RangeError(`${numTokens} tokens; a batch has ${MAX_BATCH}`);
    }
    const status = this.#llama.llama_decode(this.#context, this.#batch.toStruct(numTokens));
    if (status !== 0) throw new Error(`llama_decode answers ${status}`);
    this.#llama.llama_synchronize(this.#context);
    this.#check(steps);
    return Promise.resolve();
  }

  /** That llama.cpp has logits, and exactly as many tokens as were given. */
  #check(steps: readonly Append[]): void {
    const [first] = steps;
    const last = this.#llama.llama_memory_seq_pos_max(this.#memory, first!.sequence);
    if (last !== this.#lengths[first!.sequence]! - 1) {
      throw new Error(
        `llama.cpp holds positions up to ${last}, not ${this.#lengths[first!.sequence]}`,
      );
    }
    if (this.#llama.llama_get_logits_ith(this.#context, -1) === null) {
      throw new Error("llama.cpp has no logits for the last token");
    }
  }
}

function addressOf(array: ArrayBufferView<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(array));
}
