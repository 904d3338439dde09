/**
 * Writes rules as the EBNF that xgrammar reads.
 *
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { determinize } from "./determinize.ts";
import type { CharRange, Rule } from "./rules.ts";

/** Characters of a grammar; a tool set of 100 functions takes 200,000. */
const MAX_LENGTH = 4_000_000;

/** Writes one grammar. */
export class GrammarWriter {
  readonly #rules: ReadonlyMap<string, Rule>;
  readonly #isPossible: (rule: Rule) => boolean;
  readonly #param: string;
  /** By name, in the order in which they were reached. */
  readonly #lines = new Map<string, string>();
  #numIsolated = 0;
  #length = 0;

  /**
   * @param isPossible tells which parts are left out, since nothing satisfies them
   * @param param the request field at fault
   */
  constructor(
    rules: ReadonlyMap<string, Rule>,
    isPossible: (rule: Rule) => boolean,
    param: string,
  ) {
    this.#rules = rules;
    this.#isPossible = isPossible;
    this.#param = param;
  }

  /**
   * The grammar that begins at `root`.
   *
   * @throws {InvalidRequestError} it is too large
   */
  write(root: Rule): string {
    const first = `root ::= ${this.#write(root)}`;
    return [first, ...this.#lines.values()].join("\n");
  }

  #write(rule: Rule): string {
    switch (rule.kind) {
      case "text":
        return this.#count(quote(rule.text));
      case "chars":
        return this.#count(writeChars(rule.ranges, rule.nonAscii));
      case "sequence":
        return rule.parts.map((part) => this.#write(part)).filter((part) => part !== '""')
          .join(" ") || '""';
      case "choice":
        return this.#writeChoice(rule.options);
      case "repeat":
        if (!this.#isPossible(rule.part)) return '""';
        return `(${this.#write(rule.part)})${writeCount(rule.min, rule.max)}`;
      case "named":
        this.#writeNamed(rule.name);
        return rule.name;
      case "triggered":
        this.#writeNamed(rule.then);
        return `TagDispatch((${quote(rule.trigger)}, ${rule.then}), stop_eos=true, ` +
          `loop_after_dispatch=${!rule.once})`;
    }
  }

  #writeChoice(options: readonly Rule[]): string {
    const possible = options.filter(this.#isPossible);
    if (possible.length === 1) return this.#write(possible[0]!);
    const texts = determinize(possible, {
      isPossible: this.#isPossible,
      isolate: (rule) => this.#isolate(rule),
    }).map((option) => this.#write(option));
    return `(${texts.join(" | ")})`;
  }

  #writeNamed(name: string): void {
    if (this.#lines.has(name)) return;
    this.#lines.set(name, "");
    this.#lines.set(name, `${name} ::= ${this.#write(this.#rules.get(name)!)}`);
  }

  /** xgrammar unfolds rules that refer to no other rule: a rule that does nothing but refer is left as it is. */
  #isolate(rule: Rule): Rule {
    const outer = `o${this.#numIsolated++}`;
    const inner = rule.kind === "named" ? rule.name : `${outer}i`;
    this.#lines.set(outer, `${outer} ::= ${inner}`);
    if (rule.kind === "named") this.#writeNamed(rule.name);
    else this.#lines.set(inner, `${inner} ::= ${this.#write(rule)}`);
    return { kind: "named", name: outer };
  }

  #count(written: string): string {
    this.#length += written.length;
    if (this.#length <= MAX_LENGTH) return written;
    throw new InvalidRequestError(
      this.#param,
      "The schema is too complex: its alternatives multiply; make it simpler",
    );
  }
}

function writeCount(min: number, max: number | null): string {
  if (max !== null) return `{${min},${max}}`;
  return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
}

function quote(text: string): string {
  let quoted = "";
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === '"' || char === "\\") quoted += `\\${char}`;
    else if (code < 0x20 || code === 0x7f) quoted += `\\u${code.toString(16).padStart(4, "0")}`;
    else quoted += char;
  }
  return `"${quoted}"`;
}

/** xgrammar reads ranges beyond ASCII in negated classes only. */
function writeChars(ranges: readonly CharRange[], nonAscii: boolean): string {
  const listed = nonAscii ? invertAscii(ranges) : ranges;
  const hex = (code: number) => `\\x${code.toString(16).padStart(2, "0")}`;
  const body = listed.map(([first, last]) =>
    first === last ? hex(first) : `${hex(first)}-${hex(last)}`
  );
  return `[${nonAscii ? "^" : ""}${body.join("")}]`;
}

function invertAscii(ranges: readonly CharRange[]): CharRange[] {
  const inverted: CharRange[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) inverted.push([next, first - 1]);
    next = last + 1;
  }
  if (next < 0x80) inverted.push([next, 0x7f]);
  return inverted;
}
