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
import { type AnswerSeries, formatAnswers } from "./answers.ts";
import { type Question, ROUTES } from "./http_routes.ts";
import { type AnswerPair, ServedEngine } from "./served.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MODEL = "ollm-tiny";
/** The model's ends of text. */
const BANNED_TOKENS = [0, 2];

/** A checkout that is measured. */
interface Series extends AnswerSeries {
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

if (import.meta.main) await main();
