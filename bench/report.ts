/**
 * Turns the runs of a bench into Markdown: one table of rates, one of GPU time a kernel.
 *
 * @module
 */
import type { CaseResult } from "./case.ts";
import type { MeasureOptions } from "./measure.ts";
import { median, range } from "./statistics.ts";

/** All runs of one model in one checkout. */
export interface Series {
  /** Model, and the checkout where several are compared. */
  name: string;
  runs: CaseResult[];
}

/** Where and how it was run. */
export interface ReportContext extends MeasureOptions {
  date: string;
  /** Short commit, with `+` where files were changed. */
  commit: string;
  deno: string;
  os: string;
  numCores: number;
  /** Processes that wanted a core in the minute before the first run; null where the system does not tell. */
  loadAverage: number | null;
  numRuns: number;
}

/** The whole report. */
export function formatReport(series: readonly Series[], context: ReportContext): string {
  const adapters = [...new Set(series.flatMap(({ runs }) => runs.map((run) => run.adapter)))];
  const { numPromptTokens, numGeneratedTokens, batchSize } = context;
  return `# Bench, ${context.date}

- Device: ${
    adapters.join(", ")
  }; ${context.os}, ${context.numCores} cores; Deno ${context.deno}; commit ${context.commit}
- ${numPromptTokens} prompt tokens, ${numGeneratedTokens} generated tokens; batch of ${batchSize}
- Load average before the first run: ${context.loadAverage?.toFixed(1) ?? "unknown"}
- Runs in turns, a process each: ${context.numRuns}; median (lowest to highest)

## The runner alone

No text, no sampling, no HTTP. Bound: bytes that decoding a token reads, over the memory bandwidth measured in the same
process.

${formatRates(series, batchSize)}

## Predicted and measured

What \`ollm plan\` says of the model after a load, from the probe at its end, beside what the runner and the engine then did.

${formatPredictions(series)}

## Through the engine

Tokenizer, scheduler, sampler (greedy) and worker included; the rate of the batch has its prefills in it.

${formatEngine(series, batchSize)}

## GPU time by kernel

From the last run. Each kernel gets a pass of its own for this, so the sum is above the time of a step.

${series.map(formatKernels).join("\n\n")}
`;
}

function formatRates(series: readonly Series[], batchSize: number): string {
  const header = [
    "model",
    "quantization",
    "weights",
    "prefill tok/s",
    "decode tok/s",
    `decode tok/s, batch of ${batchSize}`,
    "share of the bound",
    "MB a token",
    "bandwidth GB/s",
    "host ms a step",
    "load s",
  ];
  const rows = series.map(({ name, runs }) => {
    const column = (pick: (run: CaseResult) => number) => formatSpread(runs.map(pick));
    return [
      name,
      runs[0]!.quantization,
      `${(runs[0]!.numWeights / 1e6).toPrecision(3)} M`,
      column((run) => run.prefillRate),
      column((run) => run.decodeRate),
      column((run) => run.batchDecodeRate),
      column((run) => 100 * run.decodeRate * run.bytesPerToken / run.bandwidth) + " %",
      (runs[0]!.bytesPerToken / 1e6).toPrecision(3),
      column((run) => run.bandwidth / 1e9),
      column((run) => run.hostMs),
      column((run) => run.loadMs / 1000),
    ];
  });
  return formatTable(header, rows);
}

function formatPredictions(series: readonly Series[]): string {
  const rows = series.flatMap(({ name, runs }) => {
    // Another checkout may not predict.
    const predicted = runs.filter((run) => run.prediction);
    if (predicted.length === 0) return [[name, ...new Array<string>(6).fill("–")]];
    const column = (pick: (run: CaseResult) => number) => formatSpread(predicted.map(pick));
    return [[
      name,
      column((run) => run.prediction!.prefillTokensPerSecond),
      column((run) => run.prefillRate),
      column((run) => run.prediction!.decodeTokensPerSecond),
      column((run) => run.decodeRate),
      column((run) => run.prediction!.timeToFirstTokenMs),
      column((run) => run.firstTokenMs),
    ]];
  });
  const header = [
    "model",
    "prefill tok/s, predicted",
    "measured",
    "decode tok/s, predicted",
    "measured",
    "first token ms, predicted",
    "measured",
  ];
  return formatTable(header, rows);
}

function formatEngine(series: readonly Series[], batchSize: number): string {
  const rows = series.map(({ name, runs }) => [
    name,
    formatSpread(runs.map((run) => run.firstTokenMs)),
    formatSpread(runs.map((run) => run.streamRate)),
    formatSpread(runs.map((run) => run.batchRate)),
  ]);
  const header = ["model", "first token ms", "tok/s, one stream", `tok/s, ${batchSize} streams`];
  return formatTable(header, rows);
}

function formatKernels({ name, runs }: Series): string {
  const last = runs.at(-1)!;
  const { decodeKernelMs, prefillKernelMs } = last;
  if (!decodeKernelMs || !prefillKernelMs) {
    return `### ${name}\n\nThis device has no timestamps, so its kernels were not timed.`;
  }
  const kernels = [...new Set([...Object.keys(decodeKernelMs), ...Object.keys(prefillKernelMs)])]
    .sort((a, b) => (decodeKernelMs[b] ?? 0) - (decodeKernelMs[a] ?? 0));
  const cells = (times: Record<string, number>, kernel: string) => {
    const sum = Object.values(times).reduce((total, ms) => total + ms, 0);
    const ms = times[kernel] ?? 0;
    return [formatNumber(ms), `${(100 * ms / sum).toFixed(1)} %`];
  };
  const rows = kernels.map((kernel) => [
    `\`${kernel}\``,
    ...cells(decodeKernelMs, kernel),
    ...cells(prefillKernelMs, kernel),
  ]);
  const header = ["kernel", "decode ms a step", "share", "prefill ms a step", "share"];
  return `### ${name}\n\n${formatTable(header, rows)}`;
}

/** A Markdown table. */
export function formatTable(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** `12.3 (11.9 to 12.8)`. */
export function formatSpread(values: readonly number[]): string {
  const [low, high] = range(values);
  const middle = formatNumber(median(values));
  return values.length === 1 ? middle : `${middle} (${formatNumber(low)} to ${formatNumber(high)})`;
}

/** Three digits, without an exponent. */
export function formatNumber(value: number): string {
  return Number(value.toPrecision(3)).toString();
}
