/**
 * One run of web-llm as it is published, in a process of its own: its own dispatch path, its own kernels, its own waits. Only
 * what a browser has and Deno lacks is put under it. Prints its rates as a line of JSON.
 *
 *     deno run -A bench/peers/stock_case.ts '{"dir": …, "library": …}'
 *
 * @module
 */
import { withBrowserGlobals } from "../../engine/backends/web_llm/host.ts";
import { type Library, readLibrary } from "../../engine/backends/web_llm/library.ts";
import {
  createPackageCaches,
  LIBRARY_URL,
  PACKAGE_URL,
} from "../../engine/backends/web_llm/package_cache.ts";
import { openPackage } from "../../engine/formats/mod.ts";
import config from "../../deno.json" with { type: "json" };
import { type Append, type Decoder, measureRates, type RateOptions } from "./decoder.ts";
import type { CaseResult } from "./results.ts";

/** What to run. */
export interface StockCaseOptions {
  dir: string;
  library: string;
  contextLength: number;
  rates: RateOptions;
}

/** The part of web-llm's engine that is used; all of it is public. */
interface StockEngine {
  reload(modelId: string): Promise<void>;
  resetChat(): Promise<void>;
  /** Runs tokens behind those before, and samples the next one. */
  forwardTokensAndSample(tokens: number[], isPrefill: boolean): Promise<number>;
}

const MODEL_ID = "model";

/** web-llm takes what a package does not say for undefined, and its sampler fails on it. */
const GREEDY = {
  temperature: 0,
  top_p: 1,
  repetition_penalty: 1,
  frequency_penalty: 0,
  presence_penalty: 0,
};

/** Import and version of the release that runs each kind of library. */
const RELEASES: Record<Library["abi"], { url: URL; key: keyof typeof config.imports }> = {
  packed: {
    url: new URL("../../engine/backends/web_llm/releases/packed.ts", import.meta.url),
    key: "@mlc-ai/web-llm@0.2.79",
  },
  ffi: {
    url: new URL("../../engine/backends/web_llm/releases/ffi.ts", import.meta.url),
    key: "@mlc-ai/web-llm",
  },
};

/** web-llm has one sequence. */
class StockDecoder implements Decoder {
  readonly #engine: StockEngine;

  constructor(engine: StockEngine, readonly vocabSize: number) {
    this.#engine = engine;
  }

  async reset(): Promise<void> {
    await this.#engine.resetChat();
  }

  async append(steps: readonly Append[]): Promise<void> {
    const [{ sequence, tokens }] = steps as [Append];
    if (steps.length !== 1 || sequence !== 0) throw new RangeError("web-llm runs one sequence");
    const token = await this.#engine.forwardTokensAndSample(tokens, tokens.length > 1);
    if (!(token >= 0 && token < this.vocabSize)) throw new Error(`web-llm chose ${token}`);
  }
}

async function load(library: Library, contextLength: number): Promise<StockEngine> {
  const { MLCEngine } = await import(RELEASES[library.abi].url.href);
  const engine = new MLCEngine({
    logLevel: "SILENT",
    appConfig: {
      useIndexedDBCache: false,
      cacheBackend: "cache",
      model_list: [{
        model: PACKAGE_URL,
        model_id: MODEL_ID,
        model_lib: LIBRARY_URL,
        overrides: {
          context_window_size: contextLength,
          sliding_window_size: -1,
          tokenizer_files: ["tokenizer.json"],
          ...GREEDY,
        },
      }],
    },
  });
  await engine.reload(MODEL_ID);
  return engine;
}

async function run(options: StockCaseOptions): Promise<CaseResult> {
  const pkg = await openPackage(options.dir);
  const library = await readLibrary(options.library);
  let device = "";
  const engine = await withBrowserGlobals({
    caches: createPackageCaches(pkg, library),
    onDevice(made) {
      device = made.adapterInfo.description;
      return Promise.resolve();
    },
  }, () => load(library, options.contextLength));
  const decoder = new StockDecoder(engine, pkg.vocabSize);
  return {
    rates: await measureRates(decoder, options.rates),
    quantization: library.quantization,
    device,
    threads: Deno.env.get("LP_NUM_THREADS") ?? `${navigator.hardwareConcurrency}`,
    version: config.imports[RELEASES[library.abi].key].replace(/^npm:/, ""),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0);
}
