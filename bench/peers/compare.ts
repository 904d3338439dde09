/**
 * Compares the speed of two commits by running their benches in turns, and fails where the second is slower beyond a
 * tolerance. Each commit is checked out into a folder of its own and measured by its own code.
 *
 *     deno task bench:compare BEFORE AFTER [--runs 5] [--tolerance 0.1] [--models ollm-tiny,qwen2-0.5b-random]
 *                             [--prompt 128] [--generate 32] [--batch 8] [--layers 24]
 *
 * Exit code 1: a median ratio is below 1 - tolerance. 2: the comparison itself failed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { CaseOptions, CaseResult } from "../case.ts";
import { writeRandomPackage } from "../random_package.ts";
import { formatSpread, formatTable } from "../report.ts";
import { median } from "../statistics.ts";
import { output, runCase } from "./child.ts";

/** Rates that are held against each other; all in tokens a second. */
const RATES = [
  "prefillRate",
  "decodeRate",
  "batchDecodeRate",
  "streamRate",
] as const satisfies (keyof CaseResult)[];

/** A rate of the second commit over that of the first, run by run. */
export interface RateRatio {
  model: string;
  rate: typeof RATES[number];
  ratios: number[];
}

/** Whether a rate fell by more than the tolerance; a single slow run does not count. */
export function isSlower({ ratios }: RateRatio, tolerance: number): boolean {
  return !(median(ratios) >= 1 - tolerance); // NaN must show
}

/** Pairs up the runs of two commits. */
export function computeRateRatios(
  model: string,
  pairs: readonly (readonly [before: CaseResult, after: CaseResult])[],
): RateRatio[] {
  return RATES.map((rate) => ({
    model,
    rate,
    ratios: pairs.map(([before, after]) => after[rate] / before[rate]),
  }));
}

const TINY = "ollm-tiny";
const RANDOM = "qwen2-0.5b-random";

interface Options {
  before: string;
  after: string;
  numRuns: number;
  tolerance: number;
  models: string[];
  numLayers: number;
  sizes: Omit<CaseOptions, "dir">;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "5" },
      tolerance: { type: "string", default: "0.1" },
      models: { type: "string", default: `${TINY},${RANDOM}` },
      prompt: { type: "string", default: "128" },
      generate: { type: "string", default: "32" },
      batch: { type: "string", default: "8" },
      layers: { type: "string", default: "24" },
    },
  });
  const [before, after] = positionals;
  if (before === undefined || after === undefined || positionals.length > 2) {
    throw new RangeError("Two commits are needed: deno task bench:compare BEFORE AFTER");
  }
  const count = (name: "runs" | "prompt" | "generate" | "batch" | "layers") => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new RangeError(`--${name} is ${values[name]}; a whole number above 0 is needed`);
  };
  const tolerance = Number(values.tolerance);
  if (!(tolerance > 0 && tolerance < 1)) {
    throw new RangeError(`--tolerance is ${values.tolerance}; a share between 0 and 1 is needed`);
  }
  return {
    before,
    after,
    numRuns: count("runs"),
    tolerance,
    models: values.models.split(","),
    numLayers: count("layers"),
    sizes: {
      numPromptTokens: count("prompt"),
      numGeneratedTokens: count("generate"),
      batchSize: count("batch"),
    },
  };
}

/** Checks a commit out, for as long as `use` runs. */
async function withCheckout<T>(commit: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "ollm-bench-" });
  await output("git", ["worktree", "add", "--detach", dir, commit]);
  try {
    return await use(dir);
  } finally {
    await output("git", ["worktree", "remove", "--force", dir]);
  }
}

/** The embedded model is each checkout's own; the random one is written once for both. */
async function findPackage(model: string, checkout: string, numLayers: number): Promise<string> {
  if (model === TINY) return `${checkout}/models/${TINY}`;
  if (model !== RANDOM) throw new RangeError(`--models names ${model}; ${TINY}, ${RANDOM} exist`);
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  const dir = `${home}/ollm/bench/${RANDOM}-${numLayers}`;
  await writeRandomPackage(dir, { numLayers });
  return dir;
}

async function compare(options: Options, dirs: [string, string]): Promise<RateRatio[]> {
  const results: RateRatio[] = [];
  for (const model of options.models) {
    const pairs: [CaseResult, CaseResult][] = [];
    for (let run = 1; run <= options.numRuns; run++) {
      const pair: CaseResult[] = [];
      for (const checkout of dirs) {
        console.error(`bench: ${model}, run ${run} of ${options.numRuns}, ${checkout}`);
        const dir = await findPackage(model, checkout, options.numLayers);
        const script = `${checkout}/bench/case.ts`;
        pair.push(await runCase<CaseOptions, CaseResult>(script, { ...options.sizes, dir }));
      }
      pairs.push(pair as [CaseResult, CaseResult]);
    }
    results.push(...computeRateRatios(model, pairs));
  }
  return results;
}

async function main(): Promise<number> {
  const options = readOptions();
  const { before, after, tolerance } = options;
  const ratios = await withCheckout(
    before,
    (a) => withCheckout(after, (b) => compare(options, [a, b])),
  );
  const rows = ratios.map((ratio) => [
    ratio.model,
    ratio.rate,
    formatSpread(ratio.ratios),
    isSlower(ratio, tolerance) ? "**slower**" : "",
  ]);
  console.log(formatTable(["model", "rate", `${after} / ${before}`, ""], rows));
  return ratios.some((ratio) => isSlower(ratio, tolerance)) ? 1 : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    Deno.exit(2);
  }
}
