/**
 * Grammar of the names that additional properties may have: every string but the declared names, whose values have schemas of their own.
 *
 * @module
 */
import { type CharRange, chars, choice, type Rule, type RuleSet, sequence, text } from "./rules.ts";

/** Characters of declared names together; with more, a clash is left to the check of the finished value. */
const MAX_NAME_CHARS = 2000;

/** ASCII that stands for itself in a string. */
const PLAIN: readonly CharRange[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f]];
/** Behind the backslash: `"`, `\`, b, f, n, r, t. No `/` and no `u`, which would spell a name a second time. */
const ESCAPES = '"\\bfnrt';

/** Declared names by their characters, as JSON spells them. */
interface NameTree {
  /** Whether a name ends here. */
  isName: boolean;
  children: Map<string, NameTree>;
}

/**
 * A JSON string that is none of the names.
 *
 * @returns null when there are too many names
 */
export function otherNameRule(rules: RuleSet, names: readonly string[]): Rule | null {
  if (names.reduce((sum, name) => sum + name.length, 0) > MAX_NAME_CHARS) return null;
  const root: NameTree = { isName: false, children: new Map() };
  for (const name of names) addName(root, name);
  const rest = rules.reserve();
  const anyRest: Rule = { kind: "named", name: rest };
  rules.define(
    rest,
    choice([text('"'), sequence(chars(PLAIN, true), anyRest), escapes(new Set(), anyRest)]),
  );
  return rules.share(sequence(text('"'), restRule(rules, root, anyRest)));
}

function addName(root: NameTree, name: string): void {
  let node = root;
  const spelled = JSON.stringify(name).slice(1, -1);
  const chars = Array.from(spelled);
  for (let i = 0; i < chars.length; i++) {
    const unit = chars[i] === "\\" ? chars[i]! + chars[++i]! : chars[i]!;
    let child = node.children.get(unit);
    if (!child) node.children.set(unit, child = { isName: false, children: new Map() });
    node = child;
  }
  node.isName = true;
}

/** What may follow the characters that lead to `node`. */
function restRule(rules: RuleSet, node: NameTree, anyRest: Rule): Rule {
  const units = [...node.children.keys()];
  const taken = new Set(units);
  const options: Rule[] = node.isName ? [] : [text('"')];
  // xgrammar cannot leave a single character beyond ASCII out: where a name goes on with one, no other may.
  const hasBeyond = units.some((unit) => unit.charCodeAt(0) > 0x7f);
  options.push(sequence(chars(without(PLAIN, units), !hasBeyond), anyRest));
  options.push(escapes(taken, anyRest));
  for (const [unit, child] of node.children) {
    options.push(sequence(text(unit), rules.share(restRule(rules, child, anyRest))));
  }
  return choice(options);
}

/** Short escapes but those that a name goes on with. */
function escapes(taken: ReadonlySet<string>, rest: Rule): Rule {
  const free = [...ESCAPES].filter((letter) => !taken.has(`\\${letter}`));
  const ranges = free.map((letter) => letter.charCodeAt(0)).sort((a, b) => a - b)
    .map((code): CharRange => [code, code]);
  return sequence(text("\\"), chars(ranges), rest);
}

function without(ranges: readonly CharRange[], units: readonly string[]): CharRange[] {
  let left = [...ranges];
  for (const unit of units) {
    const code = unit.length === 1 ? unit.charCodeAt(0) : -1;
    left = left.flatMap(([first, last]): CharRange[] => {
      if (code < first || code > last) return [[first, last]];
      const parts: CharRange[] = [];
      if (code > first) parts.push([first, code - 1]);
      if (code < last) parts.push([code + 1, last]);
      return parts;
    });
  }
  return left;
}
