/**
 * What was predicted or promised of the speed, beside what was measured.
 *
 * @module
 */
import { computeAnswerRates } from "../answers.ts";
import { ROUTES } from "../http_routes.ts";
import { ENGINE_NAMES } from "./engines.ts";
import { computeRatios, decodeFirst, middle, type ModelRuns } from "./measurements.ts";
import type { CaseResult } from "./results.ts";

/** One promise. */
export interface Goal {
  what: string;
  /** Bound of the value, inclusive. */
  bound: { atLeast: number } | { atMost: number };
  unit: string;
  /** Median of the runs; null where this comparison did not measure it. */
  value: number | null;
}

/** Whether a goal is reached; null where it was not measured. */
export function isReached({ bound, value }: Goal): boolean | null {
  if (value === null) return null;
  return "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
}

type PickRate = (run: CaseResult) => number | undefined;

/** Tokens of the prefill that the goals speak of. */
const NUM_PROMPT_TOKENS = 512;

const prefill: PickRate = ({ rates }) => rates.prefill;
const decodeAt = (context: number): PickRate => ({ rates }) => rates.decode[context];
/** All goals, in the order in which they were set. */
export function listGoals(models: readonly ModelRuns[]): Goal[] {
  const find = (name: string) => models.find((model) => model.name === name);
  return [
    ...qwenGoals(find("qwen2-0.5b")),
    ...smolGoals(find("smollm2-135m")),
    ...tinyGoals(find("ollm-tiny")),
  ];
}

function decodeRatio(model: ModelRuns | undefined, peer: "llamaCpp" | "stock", context: number) {
  const pick = decodeAt(context);
  const pickTheirs = peer === "stock" ? decodeFirst : pick;
  return model ? middle(computeRatios(model, peer, pick, pickTheirs)) : null;
}

/** Null where our prefill was of another length than the goals'. */
function prefillRatio(model: ModelRuns | undefined, peer: "llamaCpp" | "stock"): number | null {
  const own = model?.engines.find(({ engine }) => engine === ENGINE_NAMES.ours);
  if (!model || own?.rates.numPromptTokens !== NUM_PROMPT_TOKENS) return null;
  return middle(computeRatios(model, peer, prefill));
}

function ourRuns(model: ModelRuns | undefined): CaseResult[] {
  return model?.engines.find(({ engine }) => engine === ENGINE_NAMES.ours)?.runs ?? [];
}

function qwenGoals(model: ModelRuns | undefined): Goal[] {
  const name = "qwen2-0.5b";
  const goal = (what: string, atLeast: number, value: number | null): Goal => ({
    what: `${name}: ${what}`,
    bound: { atLeast },
    unit: "times",
    value,
  });
  const loads = model?.loads ?? [];
  return [
    goal("decode at 64 / stock web-llm", 40, decodeRatio(model, "stock", 64)),
    goal("decode at 64 / llama.cpp", 0.4, decodeRatio(model, "llamaCpp", 64)),
    goal("prefill of 512 / stock web-llm", 40, prefillRatio(model, "stock")),
    goal("prefill of 512 / llama.cpp", 0.3, prefillRatio(model, "llamaCpp")),
    {
      what: `${name}: load / reading and uploading its bytes`,
      bound: { atMost: 1.5 },
      unit: "times",
      value: middle(loads.map(({ ours, bytes }) => ours.totalMs / bytes.totalMs)),
    },
    {
      what: `${name}: peak memory of the load above what it was planned to take`,
      bound: { atMost: 300 },
      unit: "MB",
      value: middle(
        loads.map(({ ours: { memory, plannedBytes } }) =>
          memory && (memory.peak - memory.before - plannedBytes) / 1e6
        ),
      ),
    },
  ];
}

function smolGoals(model: ModelRuns | undefined): Goal[] {
  const name = "smollm2-135m";
  const goal = (what: string, atLeast: number, value: number | null): Goal => ({
    what: `${name}: ${what}`,
    bound: { atLeast },
    unit: "times",
    value,
  });
  const ours = ourRuns(model).map(({ rates }) => rates);
  const serving = model?.serving.map(({ http }) => http) ?? [];
  const batchGain = (rates: CaseResult["rates"]) =>
    rates.batch[16] && rates.batch[16] / Object.values(rates.decode)[0]!;
  return [
    goal("decode at 64 / llama.cpp", 0.36, decodeRatio(model, "llamaCpp", 64)),
    goal("decode at 512 / llama.cpp", 0.48, decodeRatio(model, "llamaCpp", 512)),
    goal("prefill of 512 / llama.cpp", 0.35, prefillRatio(model, "llamaCpp")),
    goal("16 streams / one stream, the runner", 2.5, middle(ours.map(batchGain))),
    goal(
      "16 streams / one stream, over HTTP",
      2.5,
      middle(
        serving.map(({ streams }) =>
          streams[1]?.decode && streams[16]?.decode && streams[16].decode / streams[1].decode
        ),
      ),
    ),
    {
      what: `${name}: p99 between tokens while a long prompt is admitted / median before`,
      bound: { atMost: 3 },
      unit: "times",
      value: middle(
        serving.map(({ admission }) => admission && admission.p99Ms / admission.usualMs),
      ),
    },
    {
      what: `${name}: first token with a cached prefix / cold`,
      bound: { atMost: 0.1 },
      unit: "times",
      value: middle(serving.map(({ prefix }) => prefix && prefix.cachedMs / prefix.coldMs)),
    },
  ];
}

function tinyGoals(model: ModelRuns | undefined): Goal[] {
  const name = "ollm-tiny";
  const decode = (what: string, value: number | null): Goal => ({
    what: `${name}: ${what}`,
    bound: { atLeast: 400 },
    unit: "tok/s",
    value,
  });
  const answers = ROUTES.map((route) => ({
    route,
    rates: computeAnswerRates(model?.answers ?? [], route),
  }));
  const streamed = answers.flatMap(({ route, rates }) => route.isStream ? rates.engine : []);
  return [
    decode("decode, the runner", middle(ourRuns(model).map(decodeFirst))),
    decode("decode, the engine", middle(streamed)),
    ...answers.map(({ route, rates }): Goal => ({
      what: `${name}: ${route.name}, rate over HTTP as a share of the engine's own`,
      bound: { atLeast: 90 },
      unit: "%",
      value: middle(rates.sharePercent),
    })),
    {
      what: `${name}: from the start of the command to the first text`,
      bound: { atMost: 2000 },
      unit: "ms",
      value: middle(model?.startMs ?? null),
    },
  ];
}
