/**
 * One run of llama.cpp, in a process of its own: prints its rates as a line of JSON.
 *
 *     deno run -A --no-lock bench/peers/llama_cpp/case.ts '{"path": "x.gguf", …}'
 *
 * @module
 */
import { measureRates, type RateOptions } from "../decoder.ts";
import type { CaseResult } from "../results.ts";
import { LlamaDecoder, type LlamaOptions } from "./decoder.ts";
import { openLlamaCpp, PACKAGE_VERSION } from "./library.ts";

/** What to run. */
export interface LlamaCaseOptions extends LlamaOptions {
  /** For example `linux-x64`. */
  build: string;
  rates: RateOptions;
}

async function run(options: LlamaCaseOptions): Promise<CaseResult> {
  const llama = await openLlamaCpp(options.build);
  const decoder = LlamaDecoder.load(llama, options);
  const info = llama.llama_print_system_info();
  return {
    rates: await measureRates(decoder, options.rates),
    quantization: "Q4_0",
    device: info === null ? options.build : listAbilities(Deno.UnsafePointerView.getCString(info)),
    threads: `${options.numThreads}`,
    version: `node-llama-cpp ${PACKAGE_VERSION}, build ${options.build}`,
  };
}

/** `CPU : AVX2 = 1 | FMA = 0 | …` → `CPU: AVX2`. */
function listAbilities(info: string): string {
  return info.trim().replace(" :", ":").replaceAll(/\w+ = 0 \|?/g, "")
    .replaceAll(/ = 1 ?\|?/g, "").trim();
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0); // llama.cpp's threads keep the process alive
}
