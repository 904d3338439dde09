/**
 * Turns the runs of a comparison into Markdown.
 *
 * @module
 */
import { formatNumber, formatSpread, formatTable } from "../report.ts";
import { ENGINE_NAMES } from "./engines.ts";
import { type Goal, isReached, listGoals } from "./goals.ts";
import { computeRatios, decodeFirst, type EngineRuns, type ModelRuns } from "./measurements.ts";
import { formatServing, SERVING_HEAD } from "./report_serving.ts";
import { keysOf, spread } from "./runs.ts";
import type { CaseResult } from "./results.ts";

/** Where and how it was run. */
export interface PeersContext {
  /** As it was typed. */
  command: string;
  date: string;
  commit: string;
  deno: string;
  os: string;
  processor: string;
  numCores: number;
  /** Processes that wanted a core in the minute before the first run; null where the system does not tell. */
  loadAverage: number | null;
  numRuns: number;
}

/** Above this share of the cores, others' work is in the numbers. */
const BUSY_SHARE = 0.5;

type PickRate = (run: CaseResult) => number | undefined;

/** The whole report. */
export function formatPeers(models: readonly ModelRuns[], context: PeersContext): string {
  const isBusy = (context.loadAverage ?? 0) > BUSY_SHARE * context.numCores;
  const served = models.filter(({ serving }) => serving.length > 0);
  const loaded = models.filter(({ loads, startMs }) => loads.length + startMs.length > 0);
  const sections = [
    formatHead(context, isBusy),
    `## Goals\n\n${formatGoals(listGoals(models), isBusy)}`,
    `## Rates of the engines

Tokens a second: median (lowest to highest). All engines run the same programme on random weights of one shape: prefill of one
sequence, decode of one sequence behind some context, decode of several together, logits or the chosen token on the host
after each step; no text, no HTTP. Ratios are of runs side by side, ours over the peer's; over web-llm's at its one context.`,
    ...models.filter(({ engines }) => engines.length > 0).map(formatRates),
    ...(served.length > 0 ? [SERVING_HEAD, ...served.map(formatServing)] : []),
    ...(loaded.length > 0 ? ["## Load and start", ...loaded.map(formatLoad)] : []),
  ];
  return sections.join("\n\n") + "\n";
}

function formatHead(context: PeersContext, isBusy: boolean): string {
  const { loadAverage } = context;
  const lines = [
    `# Comparison with peers, ${context.date}`,
    "",
    `    ${context.command}`,
    "",
    `- ${context.processor}, ${context.numCores} cores; ${context.os}; Deno ${context.deno}; commit ${context.commit}`,
    `- Load average before the first run: ${loadAverage?.toFixed(1) ?? "unknown"}`,
    `- Runs in turns, a process each: ${context.numRuns}; median (lowest to highest)`,
  ];
  if (isBusy) {
    lines.push(
      "- **The machine was busy with other work.** llama.cpp's threads wait for each other by spinning, so a busy core costs it " +
        "many times what it costs the others: its rates here are far below what it does alone, and ratios flatter us.",
    );
  }
  return lines.join("\n");
}

function formatGoals(goals: readonly Goal[], isBusy: boolean): string {
  const rows = goals.map((goal) => {
    const { what, bound, unit, value } = goal;
    const reached = isReached(goal);
    return [
      what,
      "atLeast" in bound ? `at least ${bound.atLeast} ${unit}` : `at most ${bound.atMost} ${unit}`,
      value === null ? "not measured" : `${formatNumber(value)} ${unit}`,
      reached === null ? "–" : reached ? "yes" : "**no**",
    ];
  });
  return formatTable([
    "what",
    "goal",
    "measured",
    isBusy ? "reached, on a busy machine" : "reached",
  ], rows);
}

function formatRates(model: ModelRuns): string {
  const contexts = keysOf(model.engines.flatMap(({ rates }) => rates.contexts));
  const streams = keysOf(model.engines.flatMap(({ rates }) => rates.streams));
  const header = [
    "engine",
    "quantization",
    "threads",
    "prefill",
    ...contexts.map((context) => `decode at ${context}`),
    ...streams.map((count) => `${count} streams`),
  ];
  const measured = model.engines.filter(({ runs }) => runs.length > 0);
  const rows = measured.map(({ engine, runs }) => [
    engine,
    runs[0]!.quantization,
    runs[0]!.threads,
    spread(runs, ({ rates }) => rates.prefill),
    ...contexts.map((context) => spread(runs, ({ rates }) => rates.decode[context])),
    ...streams.map((count) => spread(runs, ({ rates }) => rates.batch[count])),
  ]);
  const ratios = (["llamaCpp", "hosted", "stock"] as const).flatMap((peer) => {
    const ratio = (pick: PickRate, pickTheirs = pick) => {
      const values = computeRatios(model, peer, pick, pickTheirs);
      return values ? formatSpread(values) : "–";
    };
    if (!measured.some(({ engine }) => engine === ENGINE_NAMES[peer])) return [];
    return [[
      `${ENGINE_NAMES.ours} / ${ENGINE_NAMES[peer]}`,
      "",
      "",
      ratio(({ rates }) => rates.prefill),
      ...contexts.map((context) => {
        const pick: PickRate = ({ rates }) => rates.decode[context];
        return ratio(pick, peer === "llamaCpp" ? pick : decodeFirst);
      }),
      ...streams.map((count) => ratio(({ rates }) => rates.batch[count])),
    ]];
  });
  return [
    `### ${model.name}`,
    formatTable(header, [...rows, ...ratios]),
    model.engines.map(describeEngine).join("\n"),
  ].join("\n\n");
}

function describeEngine({ engine, rates, runs, failure }: EngineRuns): string {
  if (failure !== null) return `- ${engine}: left out after ${runs.length} runs: ${failure}`;
  const { version, device } = runs[0]!;
  const tokens =
    `prefill of ${rates.numPromptTokens} tokens, ${rates.numGeneratedTokens} decode steps`;
  const isShort = engine === ENGINE_NAMES.stock || engine === ENGINE_NAMES.hosted;
  const remark = isShort
    ? "; so few because of its speed, and taken for its rate at any length, though decode only slows down with context"
    : "";
  return `- ${engine}: ${version}; ${device}; ${tokens}${remark}`;
}

function formatLoad({ name, loads, startMs }: ModelRuns): string {
  const lines = loads.length > 0 ? describeLoads(loads) : [];
  if (startMs.length > 0) {
    lines.push(
      `- From the start of \`ollm prompt\` to its first text: ${
        formatSpread(startMs)
      } ms; from the second run on, compiled ` +
        "kernels are in the driver's cache",
    );
  }
  return `### ${name}\n\n${lines.join("\n")}`;
}

function describeLoads(loads: ModelRuns["loads"]): string[] {
  const ms = (pick: (load: ModelRuns["loads"][number]) => number) => `${spread(loads, pick)} ms`;
  const mb = (pick: (load: ModelRuns["loads"][number]) => number | undefined) =>
    `${spread(loads, pick)} MB`;
  const { packageBytes } = loads[0]!.ours;
  return [
    `- Its ${formatNumber(packageBytes / 1e6)} MB read and uploaded: ${
      ms(({ bytes }) => bytes.totalMs)
    }, files in the page cache`,
    `- Loaded: ${
      ms(({ ours }) => ours.totalMs)
    }; all weights were on their way to the device, and most kernels compiled, after ${
      ms(({ ours }) => ours.weightsMs)
    }`,
    `- Ratio: ${spread(loads, ({ ours, bytes }) => ours.totalMs / bytes.totalMs)}`,
    `- Peak resident memory above the start: ${
      mb(({ ours: { memory } }) => memory ? (memory.peak - memory.before) / 1e6 : undefined)
    }; planned for weights and activations: ${
      mb(({ ours }) => ours.plannedBytes / 1e6)
    }; peak above the end: ${
      mb(({ ours: { memory } }) =>
        memory ? Math.max(0, memory.peak - memory.after) / 1e6 : undefined
      )
    }`,
  ];
}
