/**
 * Runs a compiled model library behind our scheduler: real batches and shared prefixes where the library can, one sequence
 * at a time where it cannot.
 *
 * @module
 */
import type { ModelPackage } from "../../formats/mod.ts";
import type { AdapterInfo } from "../../gpu/mod.ts";
import type { Runner, RunnerEntry, RunnerLimits } from "../../runtime/runner.ts";
import { type LibraryAbilities, probeLibrary } from "./canary.ts";
import { KvSequences } from "./kv_sequences.ts";
import type { Library } from "./library.ts";
import { CHAT_METHODS, LibraryModel } from "./library_model.ts";
import { type LibraryPlan, type LibraryPlanOptions, planLibrary } from "./library_plan.ts";
import { type LoadedPipeline, loadPipeline } from "./load_pipeline.ts";
import { mendRace } from "./mend_race.ts";
import { rewriteForCpu } from "./rewrite_kernel.ts";
import type { ChatPipeline } from "./tvm.ts";

/** Options of {@linkcode WebLlmRunner.load}. */
export interface WebLlmRunnerOptions extends LibraryPlanOptions {
  library: Library;
  adapter: AdapterInfo;
  /** Share from 0 to 1, and what is being done. */
  onProgress?: (share: number, stage: string) => void;
}

/** Tokens of the KV cache that web-llm makes for itself and that is thrown away at once. */
const OWN_CACHE_TOKENS = 16;

/** A decoder on a compiled library. */
export class WebLlmRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly abilities: LibraryAbilities;
  readonly #model: LibraryModel;
  readonly #device: GPUDevice;
  readonly #sequences: KvSequences;

  private constructor(
    { device }: LoadedPipeline<ChatPipeline>,
    model: LibraryModel,
    abilities: LibraryAbilities,
    limits: RunnerLimits,
  ) {
    this.#device = device;
    this.#model = model;
    this.abilities = abilities;
    this.limits = limits;
    this.#sequences = new KvSequences(model, {
      blockSize: limits.blockSize,
      canFork: abilities.canFork,
    });
  }

  /**
   * Loads the weights and the library, allocates the KV cache, compiles the kernels and tries whether the library batches.
   *
   * @throws {ModelInvalidError} package and library do not fit together
   * @throws {EngineError} this web-llm has other private fields
   */
  static async load(pkg: ModelPackage, options: WebLlmRunnerOptions): Promise<WebLlmRunner> {
    const { library, adapter, onProgress = () => {}, ...sizes } = options;
    const { memory } = planLibrary(pkg, library, adapter, sizes);
    const loaded = await loadPipeline<ChatPipeline>({
      pkg,
      library,
      task: "generate",
      overrides: { context_window_size: OWN_CACHE_TOKENS, sliding_window_size: -1 },
      methods: CHAT_METHODS,
      rewriteKernel: (name, code) =>
        mendRace(name, code) ?? (adapter.kind === "software" ? rewriteForCpu(name, code) : null),
      onProgress: (share) => onProgress(0.8 * share, "loading weights"),
    });
    onProgress(0.8, "compiling kernels");
    const model = new LibraryModel(loaded, {
      maxSequences: memory.maxSequences,
      maxTokens: memory.numBlocks * memory.blockSize,
      prefillChunkSize: library.prefillChunkSize,
    });
    const abilities = await probeLibrary(model);
    onProgress(1, "ready");
    const limits = toLimits(memory, abilities, pkg.vocabSize);
    return new WebLlmRunner(loaded, model, abilities, limits);
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    if (!this.abilities.canBatch) return await this.#runOne(entries[0]!);
    const rows: number[] = [];
    let end = 0;
    const steps = entries.map((entry) => {
      end += entry.tokens.length;
      for (let i = entry.numLogits; i > 0; i--) rows.push(end - i);
      return { id: this.#sequences.prepare(entry), tokens: entry.tokens };
    });
    const logits = await this.#model.runBatch(steps, rows);
    return rows.length === 0 ? new Float32Array() : logits;
  }

  async #runOne(entry: RunnerEntry): Promise<Float32Array> {
    const id = this.#sequences.prepare(entry);
    const logits = await this.#model.runSingle({ id, tokens: entry.tokens });
    return entry.numLogits > 0 ? logits : new Float32Array();
  }

  release(sequence: number): void {
    this.#sequences.release(sequence);
  }

  /** The worker's end gives the runtime's own memory back. */
  destroy(): void {
    this.#device.destroy();
  }
}

function toLimits(
  memory: LibraryPlan["memory"],
  { canBatch, canFork }: LibraryAbilities,
  vocabSize: number,
): RunnerLimits {
  return {
    maxStepTokens: memory.maxStepTokens,
    maxSequences: canBatch ? memory.maxSequences : 1,
    maxLogitsRows: canBatch ? memory.maxLogitsRows : 1,
    contextLength: memory.contextLength,
    numBlocks: memory.numBlocks,
    blockSize: memory.blockSize,
    vocabSize,
    canShareBlocks: canFork,
    canRewind: false, // older runtimes cut a sequence no further than to its last fork
  };
}
