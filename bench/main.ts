/**
 * Measures the embedded model and a random package in Qwen2-0.5B's shape, and prints a Markdown report.
 *
 *     deno task bench [--runs 3] [--prompt 128] [--generate 32] [--batch 8] [--models ollm-tiny,qwen2-0.5b-random]
 *                     [--layers 24] [--against CHECKOUT] [--out docs/benchmarks/NAME.md]
 *
 * `--against` measures another checkout of this repository as well, in turns with this one.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import type { CaseOptions, CaseResult } from "./case.ts";
import { writeRandomPackage } from "./random_package.ts";
import { formatReport, type ReportContext, type Series } from "./report.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TINY = "ollm-tiny";
const RANDOM = "qwen2-0.5b-random";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    prompt: { type: "string", default: "128" },
    generate: { type: "string", default: "32" },
    batch: { type: "string", default: "8" },
    models: { type: "string", default: `${TINY},${RANDOM}` },
    layers: { type: "string", default: "24" },
    against: { type: "string" },
    out: { type: "string" },
  },
});

function count(name: "runs" | "prompt" | "generate" | "batch" | "layers"): number {
  const value = Number(flags[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} is ${flags[name]}; a whole number above 0 is needed`);
}

/** Folder of a model's package; the random one is written at its first use. */
async function findPackage(model: string): Promise<string> {
  if (model === TINY) return `${ROOT}models/${TINY}`;
  if (model !== RANDOM) throw new RangeError(`--models names ${model}; ${TINY}, ${RANDOM} exist`);
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  const numLayers = count("layers");
  const dir = `${home}/ollm/bench/${RANDOM}-${numLayers}`;
  await writeRandomPackage(dir, { numLayers });
  return dir;
}

async function runCase(checkout: string, options: CaseOptions): Promise<CaseResult> {
  const text = await output(Deno.execPath(), [
    "run",
    "-A",
    `${checkout}/bench/case.ts`,
    JSON.stringify(options),
  ]);
  return JSON.parse(text);
}

async function output(command: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd: ROOT }).output();
  if (code !== 0) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

async function describeCommit(): Promise<string> {
  const commit = await output("git", ["rev-parse", "--short", "HEAD"]);
  return await output("git", ["status", "--porcelain", "-uno"]) === "" ? commit : `${commit}+`;
}

async function main(): Promise<void> {
  const sizes = {
    numPromptTokens: count("prompt"),
    numGeneratedTokens: count("generate"),
    batchSize: count("batch"),
  };
  const checkouts: [string, string][] = [[ROOT, ""]];
  if (flags.against) checkouts.push([await Deno.realPath(flags.against), " (against)"]);
  const cases = [];
  for (const model of flags.models.split(",")) {
    const dir = await findPackage(model);
    for (const [checkout, mark] of checkouts) {
      const series: Series = { name: model + mark, runs: [] };
      cases.push({ checkout, dir, series });
    }
  }
  const numRuns = count("runs");
  const loadAverage = Deno.loadavg()[0] ?? null;
  for (let run = 1; run <= numRuns; run++) {
    for (const { checkout, dir, series } of cases) {
      console.error(`bench: ${series.name}, run ${run} of ${numRuns}`);
      series.runs.push(await runCase(checkout, { ...sizes, dir }));
    }
  }
  const context: ReportContext = {
    ...sizes,
    date: new Date().toISOString().slice(0, 10),
    commit: await describeCommit(),
    deno: Deno.version.deno,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    numCores: navigator.hardwareConcurrency,
    loadAverage,
    numRuns,
  };
  const report = formatReport(cases.map(({ series }) => series), context);
  console.log(report);
  if (flags.out) {
    await Deno.mkdir(flags.out.replace(/[^/]*$/, "") || ".", { recursive: true });
    await Deno.writeTextFile(flags.out, report);
  }
}

if (import.meta.main) await main();
