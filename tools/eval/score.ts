/** Scores answers: pure functions from a question and a text to a verdict, and the table of families. */

import type { Check, Question } from "./questions.ts";

/** Least share of right answers, overall and in each family. */
export const MIN_OVERALL = 0.85;
/** See {@linkcode MIN_OVERALL}. */
export const MIN_FAMILY = 0.7;

/** Right answers of a family. */
export interface Tally {
  family: string;
  right: number;
  total: number;
}

interface Call {
  name: string;
  arguments: Record<string, unknown>;
}

/** Whether an answer meets every check of its question. */
export function isRight(question: Question, answer: string): boolean {
  return answer.trim() !== "" && question.checks.every((check) => meets(check, answer.trim()));
}

/** Whether an answer meets one check. Letter case counts only where the check is about case. */
export function meets(check: Check, answer: string): boolean {
  switch (check.type) {
    case "contains":
      return contains(answer, check.text);
    case "contains_all":
      return check.texts.every((text) => contains(answer, text));
    case "contains_any":
      return check.texts.some((text) => contains(answer, text));
    case "n_of_set":
      return listItems(answer).length === check.n && countOfSet(answer, check.set) === check.n;
    case "number":
      return answer.match(/\d+/g)?.at(-1) === String(check.value) ||
        answer.match(/\d+/g)?.[0] === String(check.value) && !/[=+*-]/.test(answer);
    case "one_word":
      return /^[\p{L}\p{N}-]+[.!]?$/u.test(answer);
    case "max_words":
      return words(answer).length <= check.n;
    case "min_words":
      return words(answer).length >= check.n;
    case "uppercase":
      return answer === answer.toUpperCase();
    case "lowercase":
      return answer === answer.toLowerCase();
    case "starts_with":
      return answer.toLowerCase().startsWith(check.text.toLowerCase());
    case "ends_with":
      return answer.toLowerCase().replace(/[.!"]+$/, "").endsWith(check.text.toLowerCase());
    case "tool_call":
      return isCall(parseCalls(answer), check);
    case "no_tool_call":
      return !answer.includes("<tool_call>");
  }
}

/** The function calls in an answer; null when one is not valid JSON of the right form. */
export function parseCalls(answer: string): Call[] | null {
  const calls: Call[] = [];
  for (const [, body] of answer.matchAll(/<tool_call>([\s\S]*?)<\/tool_call>/g)) {
    try {
      const call: unknown = JSON.parse(body!);
      if (typeof call !== "object" || call === null) return null;
      if (!("name" in call) || typeof call.name !== "string") return null;
      if (!("arguments" in call) || typeof call.arguments !== "object") return null;
      calls.push({ name: call.name, arguments: call.arguments as Record<string, unknown> });
    } catch {
      return null; // the model wrote broken JSON: a wrong answer, not a failure of the run
    }
  }
  return calls;
}

/** Right answers of each family, in the order in which the families first appear. */
export function tally(questions: Question[], answers: Map<string, string>): Tally[] {
  const families = new Map<string, Tally>();
  for (const question of questions) {
    const entry = families.get(question.family) ??
      { family: question.family, right: 0, total: 0 };
    families.set(question.family, entry);
    entry.total++;
    if (isRight(question, answers.get(question.id) ?? "")) entry.right++;
  }
  return [...families.values()];
}

/** Right answers of all families together. */
export function overall(tallies: Tally[]): Tally {
  const sum = (pick: (t: Tally) => number) => tallies.reduce((n, t) => n + pick(t), 0);
  return { family: "overall", right: sum((t) => t.right), total: sum((t) => t.total) };
}

/** Whether the scores reach {@linkcode MIN_OVERALL} and {@linkcode MIN_FAMILY}. */
export function isGoodEnough(tallies: Tally[]): boolean {
  const all = overall(tallies);
  return all.right >= MIN_OVERALL * all.total &&
    tallies.every((t) => t.right >= MIN_FAMILY * t.total);
}

/** The score table, Markdown. */
export function formatTable(tallies: Tally[]): string {
  const rows = [...tallies, overall(tallies)].map((t) =>
    `| ${t.family} | ${t.total} | ${t.right} | ${(100 * t.right / t.total).toFixed(1)} % |`
  );
  return ["| family | questions | right | score |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** Whole words, any letter case. */
function contains(answer: string, text: string): boolean {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "iu").test(answer);
}

/** Different members of a set that an answer names; singular or plural. */
function countOfSet(answer: string, set: string[]): number {
  return set.filter((item) => contains(answer, item) || contains(answer, item + "s")).length;
}

/** The entries of a list: its lines, or the parts between commas and "and". */
function listItems(answer: string): string[] {
  const lines = answer.split("\n").filter((line) => line.trim() !== "");
  const parts = lines.length > 1 ? lines : answer.split(/,|\band\b/);
  return parts.filter((part) => part.trim() !== "");
}

function isCall(calls: Call[] | null, wanted: Call): boolean {
  if (calls?.length !== 1 || calls[0]!.name !== wanted.name) return false;
  const given = calls[0]!.arguments;
  const keys = Object.keys(wanted.arguments);
  return Object.keys(given).length === keys.length &&
    keys.every((key) => sameValue(given[key], wanted.arguments[key]));
}

/** Equal, with letter case and a number's JSON type left aside. */
function sameValue(given: unknown, wanted: unknown): boolean {
  return String(given).trim().toLowerCase() === String(wanted).toLowerCase();
}
