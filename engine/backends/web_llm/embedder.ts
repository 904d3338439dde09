/**
 * Runs a compiled embedding model.
 *
 * @module
 */
import { ModelInvalidError } from "../../errors.ts";
import type { ModelPackage } from "../../formats/mod.ts";
import type { Embedder } from "../../runtime/embedder.ts";
import type { Library } from "./library.ts";
import { LibraryCalls } from "./library_calls.ts";
import { type LoadedPipeline, loadPipeline } from "./load_pipeline.ts";
import type { EmbeddingPipeline, TvmTensor } from "./tvm.ts";

/** Options of {@linkcode WebLlmEmbedder.load}. */
export interface WebLlmEmbedderOptions {
  library: Library;
  /** Share from 0 to 1, and what is being done. */
  onProgress?: (share: number, stage: string) => void;
}

/** An embedding model on a compiled library. */
export class WebLlmEmbedder implements Embedder {
  readonly maxTokens: number;
  readonly maxBatch: number;
  readonly dimensions: number;
  readonly #pipeline: EmbeddingPipeline;
  readonly #device: GPUDevice;
  readonly #calls: LibraryCalls;

  private constructor(
    { pipeline, device }: LoadedPipeline<EmbeddingPipeline>,
    sizes: Pick<Embedder, "maxTokens" | "maxBatch" | "dimensions">,
  ) {
    this.#pipeline = pipeline;
    this.#device = device;
    this.maxTokens = sizes.maxTokens;
    this.maxBatch = sizes.maxBatch;
    this.dimensions = sizes.dimensions;
    this.#calls = new LibraryCalls({ tvm: pipeline.tvm, device });
  }

  /**
   * Loads the weights and the library.
   *
   * @throws {ModelInvalidError} package and library do not fit together
   * @throws {EngineError} this web-llm has other private fields
   */
  static async load(pkg: ModelPackage, options: WebLlmEmbedderOptions): Promise<WebLlmEmbedder> {
    const { library, onProgress = () => {} } = options;
    const dimensions = pkg.config.hidden_size;
    if (library.kv !== null || typeof dimensions !== "number") {
      throw new ModelInvalidError(
        `The model library "${library.path}" does not make embeddings; give the library of this package`,
      );
    }
    const maxTokens = Math.min(library.prefillChunkSize, pkg.contextLength);
    const loaded = await loadPipeline<EmbeddingPipeline>({
      pkg,
      library,
      task: "embed",
      // web-llm insists that both are equal.
      overrides: { context_window_size: library.prefillChunkSize, sliding_window_size: -1 },
      methods: { "": ["prefill"] },
      rewriteKernel: () => null,
      onProgress: (share) => onProgress(0.9 * share, "loading weights"),
    });
    const { maxBatchSize: maxBatch } = library;
    const embedder = new WebLlmEmbedder(loaded, { maxTokens, maxBatch, dimensions });
    onProgress(0.9, "compiling kernels");
    await embedder.embed([[0]]); // drivers compile at the first dispatch
    onProgress(1, "ready");
    return embedder;
  }

  /** Inputs of one length run together: libraries let padding change the vectors of the shorter ones. */
  async embed(inputs: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const rows of Map.groupBy(inputs.keys(), (row) => inputs[row]!.length).values()) {
      const states = await this.#run(rows.map((row) => inputs[row]!));
      rows.forEach((row, i) => vectors[row] = states[i]!);
    }
    return vectors;
  }

  /** One forward pass of inputs of one length. */
  async #run(inputs: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const { tvm, prefill, params, device } = this.#pipeline;
    const shape = [inputs.length, inputs[0]!.length];
    return await this.#calls.run(async () => {
      const tokens = this.#toDevice(inputs.flat(), shape);
      const mask = this.#toDevice(inputs.flatMap((row) => row.map(() => 1)), shape);
      const states: TvmTensor = prefill(tokens, mask, params);
      const host = tvm.empty(states.shape, states.dtype, tvm.cpu());
      host.copyFrom(states);
      await device.sync();
      const values = host.toArray();
      // The state of the first token, [CLS], stands for the text.
      const [rowSize, size] = [values.length / inputs.length, states.shape.at(-1)!];
      return inputs.map((_, i) => values.slice(i * rowSize, i * rowSize + size));
    });
  }

  destroy(): void {
    this.#device.destroy();
  }

  /** i32 of that shape. */
  #toDevice(values: readonly number[], shape: number[]): TvmTensor {
    const { tvm, device } = this.#pipeline;
    return tvm.empty([values.length], "int32", device).copyFrom(values).view(shape);
  }
}
