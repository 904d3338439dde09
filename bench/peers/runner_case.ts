/**
 * One run of a backend of ours, in a process of its own: prints its rates as a line of JSON.
 *
 *     deno run -A bench/peers/runner_case.ts '{"backend": "wgsl", "dir": …}'
 *
 * @module
 */
import { readLibrary, WebLlmRunner } from "../../engine/backends/web_llm/mod.ts";
import { WgslRunner } from "../../engine/backends/wgsl/mod.ts";
import { type ModelPackage, openPackage } from "../../engine/formats/mod.ts";
import {
  chooseSoftwareMode,
  GpuDevice,
  inspectAdapter,
  setSoftwareMode,
} from "../../engine/gpu/mod.ts";
import type { Runner } from "../../engine/runtime/runner.ts";
import config from "../../deno.json" with { type: "json" };
import { measureRates, type RateOptions } from "./decoder.ts";
import type { CaseResult } from "./results.ts";
import { RunnerDecoder } from "./runner_decoder.ts";

/** What to run. */
export interface RunnerCaseOptions {
  backend: "wgsl" | "web-llm";
  /** Folder of the package. */
  dir: string;
  /** Path of the compiled library, for `web-llm`. */
  library: string | null;
  numWeights: number;
  maxSequences: number;
  contextLength: number;
  rates: RateOptions;
}

async function load(pkg: ModelPackage, options: RunnerCaseOptions): Promise<Runner> {
  const { backend, library, maxSequences, contextLength } = options;
  const sizes = { maxSequences, contextLength };
  if (backend === "wgsl") {
    return await WgslRunner.load(await GpuDevice.create(), pkg, sizes);
  }
  if (library === null) throw new RangeError("The backend web-llm needs a library");
  return await WebLlmRunner.load(pkg, {
    library: await readLibrary(library),
    adapter: await inspectAdapter(),
    ...sizes,
  });
}

async function run(options: RunnerCaseOptions): Promise<CaseResult> {
  const { backend, numWeights } = options;
  setSoftwareMode(chooseSoftwareMode(numWeights, { isFused: backend === "wgsl" }));
  const pkg = await openPackage(options.dir);
  const runner = await load(pkg, options);
  if (runner instanceof WgslRunner) await runner.prepareAll();
  return {
    rates: await measureRates(new RunnerDecoder(runner), options.rates),
    quantization: pkg.quantization,
    device: (await inspectAdapter()).description,
    threads: describeThreads(),
    version: `ollm ${config.version}, backend ${backend}`,
  };
}

/** Threads of the software adapter; it runs on the caller's where it is told to have none. */
export function describeThreads(): string {
  const threads = Deno.env.get("LP_NUM_THREADS");
  if (threads === "0") return "1 (inline)";
  return threads ?? `${navigator.hardwareConcurrency}`;
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0); // a device keeps the process alive
}
