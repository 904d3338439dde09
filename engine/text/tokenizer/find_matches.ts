/**
 * What `pattern` fields of `tokenizer.json` find: a literal, or a regular expression.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../../formats/mod.ts";
import { Pattern, type Range } from "../pattern/pattern.ts";

/** Finds all matches from left to right. */
export type FindMatches = (text: string) => Range[];

/**
 * Reads the `pattern` of a step.
 *
 * @throws {TypeError} neither `{ "String": … }` nor `{ "Regex": … }`
 * @throws {SyntaxError} the expression cannot be matched in linear time
 */
export function readPattern(step: JsonObject): FindMatches {
  const pattern = isJsonObject(step.pattern) ? step.pattern : {};
  if (typeof pattern.String === "string") {
    const literal = pattern.String;
    return (text) => findLiteral(text, literal);
  }
  if (typeof pattern.Regex !== "string") throw new TypeError(`${step.type}.pattern is no pattern`);
  return compilePattern(pattern.Regex);
}

/**
 * Compiles a regular expression; its errors name it.
 *
 * @throws {SyntaxError} malformed, or not to be matched in linear time
 */
export function compilePattern(source: string): FindMatches {
  try {
    const compiled = new Pattern(source);
    return (text) => compiled.findAll(text);
  } catch (error) {
    const shown = source.length > 80 ? `${source.slice(0, 80)}…` : source;
    throw new SyntaxError(`the pattern ${JSON.stringify(shown)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function findLiteral(text: string, literal: string): Range[] {
  const ranges: Range[] = [];
  if (literal === "") return ranges;
  for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) {
    ranges.push([at, at + literal.length]);
  }
  return ranges;
}
