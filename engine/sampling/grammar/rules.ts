/**
 * Grammars as trees: built by functions, cleaned, and written as the EBNF that xgrammar reads. Knows no schema and no tokens.
 *
 * @see https://xgrammar.mlc.ai/docs/
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { GrammarWriter } from "./grammar_writer.ts";

/** A grammar or a part of one. */
export type Rule =
  | { kind: "text"; text: string }
  /** One character: ASCII ranges, and perhaps every character beyond. */
  | { kind: "chars"; ranges: readonly CharRange[]; nonAscii: boolean }
  | { kind: "sequence"; parts: readonly Rule[] }
  /** Without options it matches nothing at all. */
  | { kind: "choice"; options: readonly Rule[] }
  | { kind: "repeat"; part: Rule; min: number; max: number | null }
  | { kind: "named"; name: string }
  /** Any text, but what follows `trigger` must be the rule; `once` lets nothing follow that. */
  | { kind: "triggered"; trigger: string; then: string; once: boolean };

/** First and last code point. */
export type CharRange = readonly [first: number, last: number];

/** Exactly this text. */
export function text(text: string): Rule {
  return { kind: "text", text };
}

/** One character of the ASCII ranges, or any beyond ASCII. */
export function chars(ranges: readonly CharRange[], nonAscii = false): Rule {
  return { kind: "chars", ranges, nonAscii };
}

/** One after the other. */
export function sequence(...parts: readonly Rule[]): Rule {
  return { kind: "sequence", parts };
}

/** One of them. */
export function choice(options: readonly Rule[]): Rule {
  return options.length === 1 ? options[0]! : { kind: "choice", options };
}

/** Nothing satisfies it. */
export const NEVER: Rule = { kind: "choice", options: [] };

/** From `min` to `max` times; null is without end. For small numbers; see {@linkcode RuleSet.repeat}. */
export function repeat(part: Rule, min: number, max: number | null): Rule {
  if (max !== null && max < min) return NEVER;
  if (max === 0) return text("");
  if (min === 1 && max === 1) return part;
  return { kind: "repeat", part, min, max };
}

/** Longer repetitions are made of blocks: automata then have √n states instead of n, and compile 10 times faster. */
const BLOCK_LENGTH = 16;

/** Named rules, so that rules can be shared and recursive. */
export class RuleSet {
  readonly #rules = new Map<string, Rule>();

  /** A name that is used nowhere else; `define` must follow. */
  reserve(): string {
    const name = `r${this.#rules.size}`;
    this.#rules.set(name, NEVER);
    return name;
  }

  /** Gives a reserved name its rule. */
  define(name: string, rule: Rule): Rule {
    this.#rules.set(name, rule);
    return { kind: "named", name };
  }

  /** Names a rule that is used in several places. */
  share(rule: Rule): Rule {
    return this.define(this.reserve(), rule);
  }

  /** From `min` to `max` times, however often; null is without end. */
  repeat(part: Rule, min: number, max: number | null): Rule {
    const numFree = max === null ? null : max - min;
    if (numFree !== null && numFree < 0) return NEVER;
    if (min <= BLOCK_LENGTH && (numFree === null || numFree <= BLOCK_LENGTH)) {
      return repeat(part, min, max);
    }
    const one = this.share(part);
    const block = this.share(repeat(one, BLOCK_LENGTH, BLOCK_LENGTH));
    return sequence(this.#exactly(one, block, min), this.#atMost(one, block, numFree));
  }

  #exactly(one: Rule, block: Rule, count: number): Rule {
    const numBlocks = Math.floor(count / BLOCK_LENGTH);
    const rest = count % BLOCK_LENGTH;
    return sequence(this.repeat(block, numBlocks, numBlocks), repeat(one, rest, rest));
  }

  #atMost(one: Rule, block: Rule, count: number | null): Rule {
    if (count === null) return repeat(one, 0, null);
    const numBlocks = Math.floor(count / BLOCK_LENGTH);
    if (numBlocks === 0) return repeat(one, 0, count);
    return choice([
      sequence(this.repeat(block, 0, numBlocks - 1), repeat(one, 0, BLOCK_LENGTH - 1)),
      sequence(this.repeat(block, numBlocks, numBlocks), repeat(one, 0, count % BLOCK_LENGTH)),
    ]);
  }

  /**
   * Writes the grammar that begins at `root`, without parts that nothing can satisfy.
   *
   * @param param the request field at fault
   * @throws {InvalidRequestError} nothing satisfies it, or a rule begins with itself
   */
  render(root: Rule, param: string): string {
    const isPossible = this.findPossible();
    if (!isPossible(root)) throw emptyLanguage(param);
    this.#refuseLeftRecursion(param);
    return new GrammarWriter(this.#rules, isPossible, param).write(root);
  }

  /** Decides of rules whether some finite text satisfies them, as they are defined now. */
  findPossible(): (rule: Rule) => boolean {
    const productive = new Set<string>();
    for (let hasGrown = true; hasGrown;) {
      hasGrown = false;
      for (const [name, rule] of this.#rules) {
        if (productive.has(name) || !isProductive(rule, productive)) continue;
        productive.add(name);
        hasGrown = true;
      }
    }
    return (rule) => isProductive(rule, productive);
  }

  /** Schemas whose `$ref`s lead back to themselves without a value between say nothing. */
  #refuseLeftRecursion(param: string): void {
    const state = new Map<string, "open" | "done">();
    const visit = (rule: Rule): void => {
      if (rule.kind === "choice") rule.options.forEach(visit);
      else if (rule.kind === "repeat") visit(rule.part);
      else if (rule.kind === "sequence" && rule.parts[0]) visit(rule.parts[0]);
      else if (rule.kind === "named") {
        if (state.get(rule.name) === "done") return;
        if (state.get(rule.name) === "open") {
          throw new InvalidRequestError(param, "The schema refers to itself without end");
        }
        state.set(rule.name, "open");
        visit(this.#rules.get(rule.name)!);
        state.set(rule.name, "done");
      }
    };
    for (const name of this.#rules.keys()) visit({ kind: "named", name });
  }
}

/** The error for a schema that nothing satisfies. */
export function emptyLanguage(param: string): InvalidRequestError {
  return new InvalidRequestError(param, "The schema is empty: no JSON value satisfies it");
}

function isProductive(rule: Rule, productive: ReadonlySet<string>): boolean {
  switch (rule.kind) {
    case "sequence":
      return rule.parts.every((part) => isProductive(part, productive));
    case "choice":
      return rule.options.some((option) => isProductive(option, productive));
    case "repeat":
      return rule.min === 0 || isProductive(rule.part, productive);
    case "named":
      return productive.has(rule.name);
    default:
      return true;
  }
}
