/**
 * Rates of answers over HTTP beside the engine's own, and their table.
 *
 * @module
 */
import { computeRate, type Route, ROUTES } from "./http_routes.ts";
import { formatSpread, formatTable } from "./report.ts";
import type { AnswerPair } from "./served.ts";

/** Answers of one checkout. */
export interface AnswerSeries {
  /** Tells checkouts apart; empty where there is but one. */
  mark: string;
  pairs: readonly AnswerPair[];
}

/** Tokens a second of one route's answers, the n-th of each list side by side. */
export function computeAnswerRates(
  pairs: readonly AnswerPair[],
  { name, isStream }: Route,
): { engine: number[]; http: number[]; sharePercent: number[] } {
  const own = pairs.filter(({ route }) => route.name === name);
  const rates = (way: "engine" | "http") => own.map((pair) => computeRate(pair[way], isStream));
  const [engine, http] = [rates("engine"), rates("http")];
  return { engine, http, sharePercent: http.map((rate, i) => 100 * rate / engine[i]!) };
}

/** Streams by their rate behind the first token, whole answers by their whole time. */
export function formatAnswers(
  all: readonly AnswerSeries[],
  routes: readonly Route[] = ROUTES,
): string {
  const header = [
    "one answer",
    "engine tok/s",
    "over HTTP tok/s",
    "HTTP of engine, side by side",
    "engine's first text, ms",
    "over HTTP, ms",
  ];
  const rows = routes.flatMap((route) =>
    all.map(({ mark, pairs }) => {
      const { engine, http, sharePercent } = computeAnswerRates(pairs, route);
      const own = pairs.filter((pair) => pair.route.name === route.name);
      const firsts = (way: "engine" | "http") =>
        route.isStream ? formatSpread(own.map((pair) => pair[way].firstMs)) : "–";
      return [
        route.name + mark,
        formatSpread(engine),
        formatSpread(http),
        `${formatSpread(sharePercent)} %`,
        firsts("engine"),
        firsts("http"),
      ];
    })
  );
  return formatTable(header, rows);
}
