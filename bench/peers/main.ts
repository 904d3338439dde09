/**
 * Compares our engine with llama.cpp and web-llm on the same shapes in one run, measures serving, load and start, and prints
 * a Markdown report.
 *
 *     deno task bench:peers [--models qwen2-0.5b,smollm2-135m,ollm-tiny] [--runs 5] [--prompt 512] [--generate 64]
 *                           [--context 64,512] [--streams 1,4,16] [--library FILE.wasm] [--out docs/benchmarks/NAME.md]
 *                           [--threads N] [--slow-prompt 16] [--slow-generate 3] [--llama-build NAME]
 *                           [--without ENGINE,…] [--parts rates,serving,load,start]
 *
 * `docs/benchmarks/README.md` says what each is for.
 *
 * @module
 */
import { cpus } from "node:os";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { describeCommit, ROOT, runCase } from "./child.ts";
import {
  type ContenderOptions,
  embeddedModel,
  ENGINE_NAMES,
  type Model,
  shapedModel,
} from "./engines.ts";
import type { LoadOptions, LoadResult } from "./load_case.ts";
import type { ModelRuns } from "./measurements.ts";
import { formatPeers, type PeersContext } from "./report.ts";
import { measureServing, type ServingOptions, type ServingResult } from "./serving/measure.ts";
import { measureStart, startServer } from "./serving/server.ts";
import { connectHttpService } from "./serving/service.ts";
import { type AnswerPair, ServedEngine } from "../served.ts";
import { SHAPES } from "./shapes.ts";

const EMBEDDED = "ollm-tiny";
const PARTS = ["rates", "serving", "load", "start"];
/** Untimed tokens of a first prefill. */
const NUM_WARMUP_TOKENS = { usual: 64, slow: 2 };
/**
 * Tokens of the serving part: the embedded model's context is 1,024 tokens. Sixteen streams begin one after the other, and
 * must then decode together for a while.
 */
const SERVING_TOKENS = {
  embedded: { numGeneratedTokens: 256, numPrefixTokens: 896, numAdmittedTokens: 0 },
  shaped: { numGeneratedTokens: 128, numPrefixTokens: 1024, numAdmittedTokens: 2048 },
};
/** What each route is asked, several times in each run. */
const ANSWER = {
  prompt: "Tell me a long story about a fox.",
  maxTokens: 256,
  bannedTokens: [0, 2], // ends of text
};
const NUM_ANSWERS = 5;
/** Its prefills take a minute each on software adapters, and say nothing that the smaller models do not. */
const NOT_SERVED = "qwen2-0.5b";
/** The package of about 300 MB that the goal for loading speaks of. */
const LOADED = "qwen2-0.5b";

const { values: flags } = parseArgs({
  options: {
    models: { type: "string", default: `${Object.keys(SHAPES).join(",")},${EMBEDDED}` },
    runs: { type: "string", default: "5" },
    prompt: { type: "string", default: "512" },
    generate: { type: "string", default: "64" },
    context: { type: "string", default: "64,512" },
    streams: { type: "string", default: "1,4,16" },
    threads: { type: "string", default: `${navigator.hardwareConcurrency}` },
    "slow-prompt": { type: "string", default: "16" },
    "slow-generate": { type: "string", default: "3" },
    library: { type: "string" },
    "llama-build": { type: "string" },
    without: { type: "string" },
    parts: { type: "string", default: PARTS.join(",") },
    out: { type: "string" },
  },
});

/** Whole numbers above 0, in rising order. */
function counts(flag: "context" | "streams"): number[] {
  return list(flags[flag]).map((text) => parseCount(flag, text)).sort((a, b) => a - b);
}

function count(flag: "runs" | "prompt" | "generate" | "threads" | "slow-prompt" | "slow-generate") {
  return parseCount(flag, flags[flag]);
}

function parseCount(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`--${flag} has ${text}; whole numbers above 0 are needed`);
}

function requireKnown(flag: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`--${flag} names ${unknown}; ${known.join(", ")} exist`);
}

function list(text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : text.split(",");
}

function readContenderOptions(): ContenderOptions {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  const slowPrompt = count("slow-prompt");
  return {
    cacheDir: `${home}/ollm/bench`,
    rates: {
      numPromptTokens: count("prompt"),
      numGeneratedTokens: count("generate"),
      contexts: counts("context"),
      streams: counts("streams").filter((count) => count > 1),
      numWarmupTokens: NUM_WARMUP_TOKENS.usual,
    },
    slowRates: {
      numPromptTokens: slowPrompt,
      numGeneratedTokens: count("slow-generate"),
      contexts: [slowPrompt],
      streams: [],
      numWarmupTokens: NUM_WARMUP_TOKENS.slow,
    },
    library: flags.library ?? null,
    numThreads: count("threads"),
    llamaBuild: flags["llama-build"] ?? null,
    without: list(flags.without),
  };
}

async function prepareModels(options: ContenderOptions): Promise<Model[]> {
  await Deno.mkdir(options.cacheDir, { recursive: true });
  const models: Model[] = [];
  for (const name of list(flags.models)) {
    console.error(`bench: preparing ${name}`);
    if (name === EMBEDDED) models.push(embeddedModel(name, `${ROOT}models/${name}`, options));
    else if (SHAPES[name]) models.push(await shapedModel(name, options));
    else {
      const known = [...Object.keys(SHAPES), EMBEDDED].join(", ");
      throw new RangeError(`--models names ${name}; ${known} exist`);
    }
  }
  return models;
}

/** One run of everything on one model; the runs of a list are side by side. */
async function runOnce(model: Model, runs: ModelRuns, run: number, parts: string[]): Promise<void> {
  const { name, dir, numWeights } = model;
  const say = (what: string) => console.error(`bench: ${name}, run ${run}: ${what}`);
  if (parts.includes("rates")) {
    for (const [i, contender] of model.contenders.entries()) {
      const own = runs.engines[i]!;
      if (own.failure !== null) continue;
      say(contender.engine);
      await contender.run().then((result) => own.runs.push(result), (error: Error) => {
        if (contender.engine === ENGINE_NAMES.ours) throw error;
        own.failure = error.message;
        console.error(`bench: ${name}: ${contender.engine} is left out: ${error.message}`);
      });
    }
  }
  if (parts.includes("serving") && name !== NOT_SERVED) {
    say("serving");
    runs.serving.push(await serve(model, run));
    if (name === EMBEDDED) runs.answers.push(...await compareAnswers(model));
  }
  if (parts.includes("load") && name === LOADED) {
    say("load");
    const load = (isBytesOnly: boolean) =>
      runCase<LoadOptions, LoadResult>(new URL("./load_case.ts", import.meta.url).pathname, {
        dir,
        isBytesOnly,
        numWeights,
      });
    runs.loads.push({ bytes: await load(true), ours: await load(false) });
  }
  if (parts.includes("start") && name === EMBEDDED) {
    say("start");
    runs.startMs.push(await measureStart(dir));
  }
}

async function serve({ name, dir }: Model, run: number) {
  const serving: ServingOptions = {
    streams: counts("streams"),
    numPromptTokens: Math.min(...counts("context")),
    ...SERVING_TOKENS[name === EMBEDDED ? "embedded" : "shaped"],
    seed: run,
  };
  const script = new URL("./serving/engine_case.ts", import.meta.url).pathname;
  const engine = await runCase<unknown, ServingResult>(script, { model: dir, serving });
  const server = await startServer(dir);
  try {
    const http = await measureServing(connectHttpService(server.url, server.model), serving);
    return { engine, http };
  } finally {
    await server.stop();
  }
}

/** Answers by all routes and from the engine, behind one that warms the host's own code. */
async function compareAnswers({ dir }: Model): Promise<AnswerPair[]> {
  const served = await ServedEngine.start(ROOT, basename(dir));
  const question = { model: basename(dir), ...ANSWER };
  const pairs: AnswerPair[] = [];
  try {
    await served.compare(question);
    for (let i = 0; i < NUM_ANSWERS; i++) {
      pairs.push(...await served.compare(question, { isHttpFirst: i % 2 === 1 }));
    }
    return pairs;
  } finally {
    await served.stop();
  }
}

/** The command, without the folders of this machine. */
function describeCommand(): string {
  const args = Deno.args.map((arg) => arg === flags.library ? basename(arg) : arg);
  return ["deno task bench:peers", ...args].join(" ");
}

async function main(): Promise<void> {
  const parts = list(flags.parts);
  requireKnown("parts", parts, PARTS);
  requireKnown("without", list(flags.without), Object.values(ENGINE_NAMES));
  const numRuns = count("runs");
  const models = await prepareModels(readContenderOptions());
  const all = models.map(({ name, contenders }): ModelRuns => ({
    name,
    engines: parts.includes("rates")
      ? contenders.map(({ engine, rates }) => ({ engine, rates, runs: [], failure: null }))
      : [],
    serving: [],
    answers: [],
    loads: [],
    startMs: [],
  }));
  const context = await describeContext();
  for (let run = 1; run <= numRuns; run++) {
    for (const [i, model] of models.entries()) await runOnce(model, all[i]!, run, parts);
    // After each run, so that hours of work survive a failure.
    const report = formatPeers(all, { ...context, numRuns: run });
    if (run === numRuns) console.log(report);
    if (flags.out) await writeReport(flags.out, report);
  }
}

async function describeContext(): Promise<Omit<PeersContext, "numRuns">> {
  return {
    command: describeCommand(),
    date: new Date().toISOString().slice(0, 10),
    commit: await describeCommit(),
    deno: Deno.version.deno,
    os: `${Deno.build.os} ${Deno.build.arch}`,
    processor: cpus()[0]?.model ?? "unknown processor",
    numCores: navigator.hardwareConcurrency,
    loadAverage: Deno.loadavg()[0] ?? null,
  };
}

async function writeReport(path: string, report: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, report);
}

if (import.meta.main) await main();
