/**
 * Compares one greedy answer over HTTP, by every route that gives one, with the same answer straight from the engine: all in
 * turns on one worker. Prints a Markdown table.
 *
 *     deno run -A bench/http.ts [--runs 5] [--generate 250] [--routes stream] [--against CHECKOUT]
 *
 * `--routes` keeps those with this text in their names. `--against` measures another checkout of this repository as well, in the same turns.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { computeRate, type Question, type Route, ROUTES } from "./http_routes.ts";
import { formatSpread, formatTable } from "./report.ts";
import { type AnswerPair, ServedEngine } from "./served.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MODEL = "ollm-tiny";
/** The model's ends of text. */
const BANNED_TOKENS = [0, 2];

/** All answers of one checkout. */
interface Series {
  mark: string;
  served: ServedEngine;
  pairs: AnswerPair[];
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      generate: { type: "string", default: "250" },
      routes: { type: "string", default: "" },
      against: { type: "string" },
    },
  });
  const question: Question = {
    model: MODEL,
    prompt: "Tell me a long story about a fox.",
    maxTokens: Number(flags.generate),
    bannedTokens: BANNED_TOKENS,
  };
  const routes = ROUTES.filter(({ name }) => name.includes(flags.routes));
  const checkouts: [mark: string, root: string][] = [["", ROOT]];
  if (flags.against) checkouts.push([" (against)", `${await Deno.realPath(flags.against)}/`]);
  const all: Series[] = [];
  for (const [mark, root] of checkouts) {
    all.push({ mark, served: await ServedEngine.start(root, MODEL), pairs: [] });
  }
  for (const { served } of all) await served.compare(question, { routes }); // warms the host's own code
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const { served, pairs } of all) {
      pairs.push(...await served.compare(question, { routes, isHttpFirst: run % 2 === 1 }));
    }
  }
  for (const { served } of all) await served.stop();
  const load = Deno.loadavg()[0]?.toFixed(1) ?? "unknown";
  console.log(
    `${MODEL}, ${flags.generate} tokens, ${flags.runs} runs in turns; median (lowest to highest); load average ${load}\n`,
  );
  console.log(formatAnswers(all, routes));
}

/** Streams by their rate behind the first token, whole answers by their whole time. */
function formatAnswers(all: readonly Series[], routes: readonly Route[]): string {
  const header = [
    "one answer",
    "engine tok/s",
    "over HTTP tok/s",
    "HTTP of engine, run by run",
    "engine's first text, ms",
    "over HTTP, ms",
  ];
  const rows = routes.flatMap((route) =>
    all.map(({ mark, pairs }) => {
      const own = pairs.filter((pair) => pair.route === route);
      const rates = (way: "engine" | "http") =>
        own.map((pair) => computeRate(pair[way], route.isStream));
      const [engine, http] = [rates("engine"), rates("http")];
      const firsts = (way: "engine" | "http") =>
        route.isStream ? formatSpread(own.map((pair) => pair[way].firstMs)) : "";
      return [
        route.name + mark,
        formatSpread(engine),
        formatSpread(http),
        `${formatSpread(http.map((rate, i) => 100 * rate / engine[i]!))} %`,
        firsts("engine"),
        firsts("http"),
      ];
    })
  );
  return formatTable(header, rows);
}

if (import.meta.main) await main();
