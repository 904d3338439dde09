/**
 * Calls of a loaded chat library: tokens of several sequences in, logits out. Knows nothing of our blocks.
 *
 * @module
 */
import type { KvOperations } from "./kv_sequences.ts";
import { LibraryCalls } from "./library_calls.ts";
import type { LoadedPipeline } from "./load_pipeline.ts";
import type { ChatPipeline, TvmFunction, TvmTensor } from "./tvm.ts";

/** Private fields of a chat pipeline beside those of every one. */
export const CHAT_METHODS: Readonly<Record<string, readonly string[]>> = {
  "": ["embed"],
  "kvCache": ["dispose"],
};

/** Tokens of a page of the library's cache, fixed in its kernels. */
export const PAGE_SIZE = 16;

/** Sizes of the library's KV cache. */
export interface KvSizes {
  maxSequences: number;
  /** Tokens of all sequences together. */
  maxTokens: number;
  prefillChunkSize: number;
}

/** Tokens that one sequence of the library's cache gets in a step. */
export interface LibraryEntry {
  /** Id in the library's cache. */
  id: number;
  tokens: readonly number[];
}

/** The functions of a library that take any number of sequences, and those that take one. */
const FUNCTIONS = ["prefill", "decode", "batch_prefill", "batch_decode"] as const;
const KV_FUNCTIONS = [
  "add_sequence",
  "remove_sequence",
  "fork_sequence",
  "clear",
  "begin_forward",
  "end_forward",
] as const;

/** A chat model on a compiled library. */
export class LibraryModel implements KvOperations {
  readonly #pipeline: ChatPipeline;
  readonly #functions: Partial<Record<typeof FUNCTIONS[number], TvmFunction>> = {};
  readonly #kvFunctions = {} as Record<typeof KV_FUNCTIONS[number], TvmFunction>;
  readonly #kv: unknown;
  /** Host copies of logits by their number of rows. */
  readonly #logits = new Map<number, TvmTensor>();
  readonly #calls: LibraryCalls;

  constructor({ pipeline, device }: LoadedPipeline<ChatPipeline>, sizes: KvSizes) {
    this.#pipeline = pipeline;
    const { tvm, vm } = pipeline;
    this.#calls = new LibraryCalls({ tvm, device });
    pipeline.kvCache.dispose(); // web-llm's own, for one sequence
    tvm.beginScope();
    for (const name of FUNCTIONS) {
      const found = findFunction(() => vm.getFunction(name));
      if (found) this.#functions[name] = tvm.detachFromCurrentScope(found);
    }
    for (const name of KV_FUNCTIONS) {
      const found = tvm.getGlobalFunc(`vm.builtin.kv_state_${name}`);
      this.#kvFunctions[name] = tvm.detachFromCurrentScope(found);
    }
    const shape = (size: number) => tvm.makeShapeTuple([size]);
    const createKv = vm.getFunction("create_tir_paged_kv_cache");
    this.#kv = tvm.detachFromCurrentScope(createKv(
      shape(sizes.maxSequences),
      shape(sizes.maxTokens),
      shape(sizes.prefillChunkSize),
      shape(PAGE_SIZE),
      shape(0), // no sliding window
    ));
    tvm.endScope();
  }

  /** Whether the library has the functions for several sequences. */
  get hasBatch(): boolean {
    return this.#functions.batch_prefill !== undefined &&
      this.#functions.batch_decode !== undefined;
  }

  add(id: number): void {
    this.#kvFunctions.add_sequence(this.#kv, this.#int64(id));
  }

  remove(id: number): void {
    this.#kvFunctions.remove_sequence(this.#kv, this.#int64(id));
  }

  fork(parent: number, child: number, length: number): void {
    const ids = [parent, child, length].map((value) => this.#int64(value));
    this.#kvFunctions.fork_sequence(this.#kv, ...ids);
  }

  /** Empties the cache, also after a step that failed. */
  clear(): void {
    this.#kvFunctions.clear(this.#kv);
  }

  /**
   * Appends tokens to several sequences.
   *
   * @param rows positions in the concatenated tokens whose logits are wanted
   * @returns [rows, vocabulary] f32, valid until the next call
   */
  async runBatch(entries: readonly LibraryEntry[], rows: readonly number[]): Promise<Float32Array> {
    const tokens = entries.flatMap((entry) => entry.tokens);
    const isDecode = tokens.length === entries.length && rows.length === entries.length;
    return await this.#run(entries, tokens, (embedding, width) => {
      if (isDecode) {
        return this.#call("batch_decode", embedding.view([entries.length, 1, width]));
      }
      // At least one row: the library computes logits always.
      const positions = this.#toDevice(rows.length > 0 ? rows : [tokens.length - 1]);
      return this.#call("batch_prefill", embedding.view([1, tokens.length, width]), positions);
    });
  }

  /** Appends tokens to one sequence, with the functions for one; the row is the last token's. */
  async runSingle(entry: LibraryEntry): Promise<Float32Array> {
    const { tokens } = entry;
    return await this.#run([entry], tokens, (embedding, width) => {
      const name = tokens.length === 1 ? "decode" : "prefill";
      return this.#call(name, embedding.view([1, tokens.length, width]));
    });
  }

  async #run(
    entries: readonly LibraryEntry[],
    tokens: readonly number[],
    forward: (embedding: TvmTensor, width: number) => { get(index: number): TvmTensor },
  ): Promise<Float32Array> {
    const { tvm, embed, params } = this.#pipeline;
    const { begin_forward, end_forward } = this.#kvFunctions;
    return await this.#calls.run(async () => {
      const embedding: TvmTensor = embed(this.#toDevice(tokens), params);
      const ids = entries.map(({ id }) => id);
      const lengths = entries.map((entry) => entry.tokens.length);
      begin_forward(this.#kv, tvm.makeShapeTuple(ids), tvm.makeShapeTuple(lengths));
      const result = forward(embedding, embedding.shape.at(-1)!);
      end_forward(this.#kv);
      return await this.#readLogits(result.get(0));
    });
  }

  #call(name: typeof FUNCTIONS[number], ...args: unknown[]): { get(index: number): TvmTensor } {
    const call = this.#functions[name];
    if (!call) throw new Error(`The model library has no function ${name}`);
    return call(...args, this.#kv, this.#pipeline.params);
  }

  async #readLogits(logits: TvmTensor): Promise<Float32Array> {
    const { tvm, device } = this.#pipeline;
    const numRows = logits.shape.slice(0, -1).reduce((product, size) => product * size, 1);
    let host = this.#logits.get(numRows);
    if (!host) {
      host = tvm.detachFromCurrentScope(
        tvm.empty([numRows, logits.shape.at(-1)!], logits.dtype, tvm.cpu()),
      );
      this.#logits.set(numRows, host);
    }
    host.copyFrom(logits.view(host.shape));
    await device.sync();
    return host.toArray();
  }

  #toDevice(values: readonly number[]): TvmTensor {
    const { tvm, device } = this.#pipeline;
    return tvm.empty([values.length], "int32", device).copyFrom(values);
  }

  #int64(value: number): unknown {
    return this.#pipeline.tvm.scalar(value, "int64");
  }
}

/** The runtime throws for a name that it does not know. */
function findFunction(find: () => TvmFunction): TvmFunction | null {
  try {
    return find();
  } catch {
    return null;
  }
}
