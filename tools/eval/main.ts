/**
 * `deno task eval`: asks the embedded model the held-out questions, greedily, and prints the score
 * of each family. Exits with 1 when the score is below the bounds in score.ts.
 *
 *     deno task eval [--model ollm-tiny] [--family tools] [--verbose]
 *     deno task eval --answers answers.jsonl    scores a file of {"id", "text"} lines instead
 */

import { parseArgs } from "node:util";
import { ask } from "./ask.ts";
import { type Question, readFunctions, readQuestions } from "./questions.ts";
import { formatTable, isGoodEnough, isRight, tally } from "./score.ts";

async function readAnswers(path: string): Promise<Map<string, string>> {
  const lines = (await Deno.readTextFile(path)).split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => {
    const answer: { id: string; text: string } = JSON.parse(line);
    return [answer.id, answer.text];
  }));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

function printMistakes(questions: Question[], answers: Map<string, string>): void {
  for (const question of questions) {
    const answer = answers.get(question.id) ?? "";
    if (isRight(question, answer)) continue;
    const prompt = question.messages.map((m) => `${m.role}: ${m.content}`).join(" | ");
    print(`${question.id}  ${prompt}\n    ${JSON.stringify(answer)}`);
  }
}

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "ollm-tiny" },
    family: { type: "string" },
    answers: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const questions = (await readQuestions()).filter((question) =>
  options.family === undefined || question.family === options.family
);
const answers = options.answers === undefined
  ? await ask(options.model, questions, await readFunctions())
  : await readAnswers(options.answers);
if (options.verbose) printMistakes(questions, answers);
const tallies = tally(questions, answers);
print(formatTable(tallies));
if (!isGoodEnough(tallies)) {
  print("Below the bounds: see MIN_OVERALL and MIN_FAMILY in tools/eval/score.ts");
  Deno.exit(1);
}
