/**
 * Patterns and formats → grammars of the JSON strings that match them.
 *
 * @module
 */
import type { JsonRules } from "./json_rules.ts";
import { parsePattern, type PatternNode } from "./pattern.ts";
import { choice, repeat, type Rule, sequence, text } from "./rules.ts";

const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
const TIME =
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";

/** Formats that are written as patterns; days end at the 28th, so that every date exists. Others are annotations. */
export const FORMAT_PATTERNS: Readonly<Record<string, string | undefined>> = {
  "date": `^${DATE}$`,
  "time": `^${TIME}$`,
  "date-time": `^${DATE}T${TIME}$`,
  "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
  "ipv4": `^${OCTET}(\\.${OCTET}){3}$`,
  "email":
    "^[A-Za-z0-9_+-]{1,32}(\\.[A-Za-z0-9_+-]{1,32}){0,3}@([a-z0-9]{1,32}\\.){1,4}[a-z]{2,12}$",
};

/**
 * A JSON string whose value contains a match.
 *
 * @throws {InvalidRequestError} the pattern is not supported
 */
export function patternRule(json: JsonRules, source: string, param: string): Rule {
  const anything = repeat(json.char, 0, null);
  const branches = parsePattern(source, param).map((branch) =>
    sequence(
      branch.isAnchoredAtStart ? text("") : anything,
      nodeRule(json, branch.node),
      branch.isAnchoredAtEnd ? text("") : anything,
    )
  );
  return sequence(text('"'), choice(branches), text('"'));
}

function nodeRule(json: JsonRules, node: PatternNode): Rule {
  switch (node.kind) {
    case "set":
      return node.set.toRule();
    case "sequence":
      return sequence(...node.parts.map((part) => nodeRule(json, part)));
    case "choice":
      return choice(node.options.map((option) => nodeRule(json, option)));
    case "repeat":
      return json.rules.repeat(nodeRule(json, node.part), node.min, node.max);
  }
}
