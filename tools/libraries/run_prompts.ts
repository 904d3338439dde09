/**
 * One backend on one package: the next-token logits of each prompt, and greedy streams alone and together. Run by main.ts in
 * a process of its own, so that only one model is in memory.
 *
 *     deno run -A tools/libraries/run_prompts.ts '{"backend":"wgsl","dir":…,"library":…,"out":…}'
 *
 * @module
 */
import { readLibrary, WebLlmRunner } from "../../engine/backends/web_llm/mod.ts";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import { GpuDevice, inspectAdapter } from "../../engine/gpu/mod.ts";
import type { Runner, RunnerEntry } from "../../engine/runtime/runner.ts";

/** What to run. */
export interface RunOptions {
  backend: "wgsl" | "web-llm";
  dir: string;
  library: string;
  /** Token ids. */
  prompts: number[][];
  /** How many of the prompts also go on as streams, alone and together. */
  numStreams: number;
  numStreamTokens: number;
  /** File for the logits: [prompts, vocabulary] f32. */
  out: string;
}

/** What came of it. */
export interface RunResult {
  device: string;
  vocabSize: number;
  loadMs: number;
  /** From the first prompt to the last. */
  promptsMs: number;
  /** Remarks of the backend on the library. */
  reasons: string[];
  /** Greedy tokens of each stream. */
  alone: number[][];
  together: number[][];
  /** Time of a decode step of one stream and of all, medians in ms. */
  stepMs: { alone: number; together: number };
}

/** Appends tokens to sequences of a runner, which all get their own blocks. */
class Streams {
  readonly #runner: Runner;
  readonly #lengths = new Map<number, number>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  async append(steps: { sequence: number; slot: number; tokens: number[] }[]) {
    const logits = await this.#runner.run(steps.map((step) => this.#toEntry(step)));
    const { vocabSize } = this.#runner.limits;
    return steps.map((_, row) => logits.slice(row * vocabSize, (row + 1) * vocabSize));
  }

  #toEntry(
    { sequence, slot, tokens }: { sequence: number; slot: number; tokens: number[] },
  ): RunnerEntry {
    const firstPosition = this.#lengths.get(sequence) ?? 0;
    this.#lengths.set(sequence, firstPosition + tokens.length);
    const { blockSize } = this.#runner.limits;
    const numBlocks = Math.ceil((firstPosition + tokens.length) / blockSize);
    const blocks = Array.from({ length: numBlocks }, (_, i) => 16 * slot + i);
    return { sequence, tokens, firstPosition, blocks, numLogits: 1 };
  }
}

async function load(
  { backend, dir, library: path }: RunOptions,
): Promise<{ runner: Runner; reasons: string[] }> {
  const pkg = await openPackage(dir);
  const options = { contextLength: 256, maxSequences: 8 };
  if (backend === "wgsl") {
    const runner = await WgslRunner.load(await GpuDevice.create(), pkg, options);
    return { runner, reasons: [] };
  }
  const library = await readLibrary(path);
  const adapter = await inspectAdapter();
  const runner = await WebLlmRunner.load(pkg, { library, adapter, ...options });
  return { runner, reasons: runner.abilities.reasons };
}

async function run(options: RunOptions): Promise<RunResult> {
  let start = performance.now();
  const lap = () => {
    const elapsed = performance.now() - start;
    start = performance.now();
    return Math.round(elapsed);
  };
  const { runner, reasons } = await load(options);
  const loadMs = lap();
  const streams = new Streams(runner);
  const rows: Float32Array[] = [];
  for (const [sequence, tokens] of options.prompts.entries()) {
    rows.push(...await streams.append([{ sequence, slot: 0, tokens }]));
    runner.release?.(sequence);
  }
  const promptsMs = lap();
  await Deno.writeFile(
    options.out,
    new Uint8Array(await new Blob(rows as BlobPart[]).arrayBuffer()),
  );
  const chosen = options.prompts.slice(0, options.numStreams);
  const times = { alone: [] as number[], together: [] as number[] };
  const alone: number[][] = [];
  for (const [i, prompt] of chosen.entries()) {
    alone.push(
      ...await generate(streams, [{ sequence: 100 + i, slot: i, prompt }], {
        numTokens: options.numStreamTokens,
        times: times.alone,
      }),
    );
    runner.release?.(100 + i);
  }
  const together = await generate(
    streams,
    chosen.map((prompt, i) => ({ sequence: 200 + i, slot: i, prompt })),
    { numTokens: options.numStreamTokens, times: times.together },
  );
  return {
    device: (await inspectAdapter()).description,
    vocabSize: runner.limits.vocabSize,
    loadMs,
    promptsMs,
    reasons,
    alone,
    together,
    stepMs: { alone: median(times.alone), together: median(times.together) },
  };
}

/** Greedy, the first step a prefill of all prompts. */
async function generate(
  streams: Streams,
  sequences: { sequence: number; slot: number; prompt: number[] }[],
  { numTokens, times }: { numTokens: number; times: number[] },
): Promise<number[][]> {
  const outputs: number[][] = sequences.map(() => []);
  for (let step = 0; step < numTokens; step++) {
    const start = performance.now();
    const rows = await streams.append(sequences.map(({ sequence, slot, prompt }, i) => ({
      sequence,
      slot,
      tokens: step === 0 ? prompt : [outputs[i]!.at(-1)!],
    })));
    if (step > 0) times.push(performance.now() - start);
    rows.forEach((row, i) => outputs[i]!.push(argmax(row)));
  }
  return outputs;
}

function argmax(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
  return best;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

if (import.meta.main) {
  const result = await run(JSON.parse(Deno.args[0]!));
  console.log(JSON.stringify(result));
  Deno.exit(0);
}
