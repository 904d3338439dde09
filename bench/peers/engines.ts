/**
 * The engines of a comparison: which process measures each, and with what.
 *
 * @module
 */
import { type Library, readLibrary } from "../../engine/backends/web_llm/library.ts";
import { runCase } from "./child.ts";
import type { RateOptions } from "./decoder.ts";
import { defaultBuild } from "./llama_cpp/library.ts";
import type { LlamaCaseOptions } from "./llama_cpp/case.ts";
import { writePackage } from "./packages.ts";
import { writeRandomGguf } from "./random_gguf.ts";
import type { CaseResult } from "./results.ts";
import type { RunnerCaseOptions } from "./runner_case.ts";
import { countWeights, SHAPES } from "./shapes.ts";
import type { StockCaseOptions } from "./stock_case.ts";

/** Names as in the report and in `--without`, where commas stand between them. */
export const ENGINE_NAMES = {
  ours: "ollm",
  llamaCpp: "llama.cpp",
  hosted: "web-llm on our host path",
  stock: "web-llm stock",
} as const;

/** One row. */
export interface EngineName {
  engine: typeof ENGINE_NAMES[keyof typeof ENGINE_NAMES];
  rates: RateOptions;
}

/** An engine with a model. */
export interface Contender extends EngineName {
  run: () => Promise<CaseResult>;
}

/** What all of them have in common. */
export interface ContenderOptions {
  /** Folder of packages and GGUF files that are written at first use. */
  cacheDir: string;
  rates: RateOptions;
  /** Sizes for engines that need seconds for a token. */
  slowRates: RateOptions;
  /** Path of a compiled library, or null. */
  library: string | null;
  numThreads: number;
  /** Build of llama.cpp; null takes the one that runs everywhere. */
  llamaBuild: string | null;
  /** Names of engines to leave out. */
  without: string[];
}

/** Packages of a model with made-up weights are in `cacheDir`, the embedded one is the repository's. */
export interface Model {
  name: string;
  /** Folder of the package. */
  dir: string;
  numWeights: number;
  contenders: Contender[];
}

const scriptPath = (name: string) => new URL(name, import.meta.url).pathname;

/** The embedded model, which has no twin in other formats. */
export function embeddedModel(name: string, dir: string, options: ContenderOptions): Model {
  const numWeights = 1_500_000;
  return { name, dir, numWeights, contenders: [ours(dir, numWeights, options)] };
}

/**
 * A shape with all engines that can run it. Files are written at their first use.
 *
 * @throws {ModelInvalidError} the library is none
 */
export async function shapedModel(name: string, options: ContenderOptions): Promise<Model> {
  const shape = SHAPES[name]!;
  const given = options.library === null ? null : await readLibrary(options.library);
  const library = given && fits(given, name) ? given : null;
  const dir = `${options.cacheDir}/${name}${library ? `-${library.quantization}` : ""}`;
  await writePackage(dir, shape, library);
  const gguf = `${options.cacheDir}/${name}-q4_0.gguf`;
  await writeRandomGguf(gguf, shape);
  const numWeights = countWeights(shape);
  const all = [
    ours(dir, numWeights, options),
    llamaCpp(gguf, shape.vocabSize, options),
    ...(library ? webLlm(dir, library.path, numWeights, options) : []),
  ];
  const contenders = all.filter(({ engine }) => !options.without.includes(engine));
  return { name, dir, numWeights, contenders };
}

/** Whether a library was compiled for a shape's architecture and sizes. */
function fits(library: Library, name: string): boolean {
  const { architecture, numLayers, numKvHeads, headDim, hiddenSize } = SHAPES[name]!;
  const norm = library.params.find(({ name }) => name === "model.norm.weight");
  return library.modelType === architecture && library.kv?.numLayers === numLayers &&
    library.kv.numKeyValueHeads === numKvHeads && library.kv.headDim === headDim &&
    norm?.shape[0] === hiddenSize;
}

function ours(dir: string, numWeights: number, { rates }: ContenderOptions): Contender {
  const options: RunnerCaseOptions = {
    backend: "wgsl",
    dir,
    library: null,
    numWeights,
    rates,
    ...cacheSizes(rates),
  };
  return {
    engine: ENGINE_NAMES.ours,
    rates,
    run: () => runCase(scriptPath("./runner_case.ts"), options),
  };
}

function llamaCpp(path: string, vocabSize: number, options: ContenderOptions): Contender {
  const { rates, numThreads, llamaBuild } = options;
  const own: LlamaCaseOptions = {
    build: llamaBuild ?? defaultBuild(),
    path,
    vocabSize,
    numThreads,
    rates,
    ...cacheSizes(rates),
  };
  return {
    engine: ENGINE_NAMES.llamaCpp,
    rates,
    run: () => runCase(scriptPath("./llama_cpp/case.ts"), own, ["--no-lock"]),
  };
}

function webLlm(
  dir: string,
  library: string,
  numWeights: number,
  { slowRates: rates }: ContenderOptions,
): Contender[] {
  const sizes = cacheSizes(rates);
  const hosted: RunnerCaseOptions = {
    backend: "web-llm",
    dir,
    library,
    numWeights,
    rates,
    ...sizes,
  };
  const { contextLength } = sizes;
  const stock: StockCaseOptions = { dir, library, contextLength, rates };
  return [
    {
      engine: ENGINE_NAMES.hosted,
      rates,
      run: () => runCase(scriptPath("./runner_case.ts"), hosted),
    },
    {
      engine: ENGINE_NAMES.stock,
      rates,
      run: () => runCase(scriptPath("./stock_case.ts"), stock),
    },
  ];
}

/** Just enough for the programme, in whole blocks, so that no engine attends to an empty cache. */
function cacheSizes({ numPromptTokens, contexts, numGeneratedTokens, streams }: RateOptions) {
  const numTokens = Math.max(numPromptTokens, ...contexts) + numGeneratedTokens + 2;
  return { maxSequences: Math.max(1, ...streams), contextLength: Math.ceil(numTokens / 256) * 256 };
}
