/**
 * The part of a comparison's report that is about serving.
 *
 * @module
 */
import { formatAnswers } from "../answers.ts";
import { formatTable } from "../report.ts";
import type { AnswerPair } from "../served.ts";
import type { ModelRuns } from "./measurements.ts";
import { keysOf, spread } from "./runs.ts";

/** What stands above all models' sections. */
export const SERVING_HEAD = `## Serving

Through the engine as a library, and over HTTP with a client in another process; greedy. Prompts are new in each run.`;

/** One model's section. */
export function formatServing({ name, serving, answers }: ModelRuns): string {
  const streams = keysOf(serving.flatMap(({ http }) => Object.keys(http.streams).map(Number)));
  const rows = (["engine", "http"] as const).flatMap((way) =>
    streams.map((count) => [
      way === "engine" ? "engine" : "HTTP",
      `${count}`,
      spread(serving, (run) => run[way].streams[count]?.total),
      spread(serving, (run) => run[way].streams[count]?.decode ?? undefined),
      spread(serving, (run) => run[way].streams[count]?.numOutputTokens),
    ])
  );
  rows.push(...streams.map((count) => [
    "HTTP / engine",
    `${count}`,
    spread(
      serving,
      ({ http, engine }) => ratio(http.streams[count]?.total, engine.streams[count]?.total),
    ),
    spread(
      serving,
      ({ http, engine }) => ratio(http.streams[count]?.decode, engine.streams[count]?.decode),
    ),
    "",
  ]));
  const header = [
    "through",
    "streams",
    "tok/s, prefills included",
    "tok/s while all decode",
    "tokens",
  ];
  return [
    `### ${name}`,
    formatTable(header, rows),
    ...formatTimes(serving),
    ...(answers.length > 0 ? [describeAnswers(answers)] : []),
  ].join("\n\n");
}

function ratio(a: number | null | undefined, b: number | null | undefined): number | undefined {
  return a && b ? a / b : undefined;
}

function formatTimes(serving: ModelRuns["serving"]): string[] {
  const lines: string[] = [];
  const [first] = serving;
  if (first?.http.prefix) {
    const { numPromptTokens } = first.http.prefix;
    lines.push(
      `Over HTTP, first token of a prompt of ${numPromptTokens} tokens: cold ${
        spread(serving, ({ http }) => http.prefix?.coldMs)
      } ms; with ${
        spread(serving, ({ http }) => http.prefix?.numCachedTokens)
      } of them cached, as \`cached_tokens\` says, ${
        spread(serving, ({ http }) => http.prefix?.cachedMs)
      } ms.`,
    );
  }
  if (first?.http.admission) {
    const { numStreams, numAdmittedTokens } = first.http.admission;
    const time = (pick: "usualMs" | "p50Ms" | "p99Ms" | "numGaps") =>
      spread(serving, ({ http }) => http.admission?.[pick]);
    lines.push(
      `Over HTTP, ${numStreams} streams while a prompt of ${numAdmittedTokens} tokens is admitted: between tokens ${
        time("usualMs")
      } ms before (median), then p50 ${time("p50Ms")} ms and p99 ${time("p99Ms")} ms of ${
        time("numGaps")
      } gaps.`,
    );
  }
  return lines;
}

function describeAnswers(pairs: readonly AnswerPair[]): string {
  const { numTokens } = pairs[0]!.engine;
  return `One answer of ${numTokens} tokens, over HTTP and from the engine in turns on one worker:\n\n${
    formatAnswers([{ mark: "", pairs }])
  }`;
}
