/**
 * Grammars of JSON values, written the way that models are trained on: `{"city": "Paris", "days": [1, 2]}`. White space stands
 * nowhere else, or a small model could write it for ever.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259
 * @module
 */
import {
  type CharRange,
  chars,
  choice,
  repeat,
  type Rule,
  type RuleSet,
  sequence,
  text,
} from "./rules.ts";

/** Between two items, and between a key and its value. */
export const ITEM_SEPARATOR = ", ";
export const KEY_SEPARATOR = ": ";

/** Digits of a number on either side of its point; 15 are exact in a double. */
export const MAX_DIGITS = 15;

/** 0 to 9. */
export const DIGIT: Rule = chars([[0x30, 0x39]]);
/** 1 to 9. */
export const NONZERO_DIGIT: Rule = chars([[0x31, 0x39]]);

/** ASCII that stands for itself in a string. */
const PLAIN_RANGES: readonly CharRange[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f]];
const HEX_RANGES: readonly CharRange[] = [[0x30, 0x39], [0x41, 0x46], [0x61, 0x66]];
const HEX = chars(HEX_RANGES);

/** `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`. */
const SHORT_ESCAPE: Rule = sequence(
  text("\\"),
  chars([[0x22, 0x22], [0x2f, 0x2f], [0x5c, 0x5c], [0x62, 0x62], [0x66, 0x66], [0x6e, 0x6e], [
    0x72,
    0x72,
  ], [0x74, 0x74]]),
);

/** `\u0000` to `\uffff` without surrogates, so that every string is well-formed. */
const UNICODE_ESCAPE: Rule = sequence(
  text("\\u"),
  choice([
    sequence(chars([[0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]]), HEX),
    sequence(chars([[0x44, 0x44], [0x64, 0x64]]), chars([[0x30, 0x37]])),
  ]),
  HEX,
  HEX,
);

/** One character of a string, in its shortest spelling. */
const STRING_CHAR: Rule = choice([chars(PLAIN_RANGES, true), SHORT_ESCAPE]);

/** JSON text with the separators of this module. */
export function formatJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatJson).join(ITEM_SEPARATOR)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const items = Object.entries(value).map(([key, item]) =>
    JSON.stringify(key) + KEY_SEPARATOR + formatJson(item)
  );
  return `{${items.join(ITEM_SEPARATOR)}}`;
}

/** What stands around items, and how many there are. */
export interface ListShape {
  open: string;
  close: string;
  min: number;
  max: number | null;
}

/** Items with separators between. */
export function list(rules: RuleSet, item: Rule, { open, close, min, max }: ListShape): Rule {
  const options: Rule[] = [];
  if (min === 0) options.push(text(open + close));
  if (max === null || max > 0) {
    const more = rules.repeat(
      sequence(text(ITEM_SEPARATOR), item),
      Math.max(0, min - 1),
      max === null ? null : max - 1,
    );
    options.push(sequence(text(open), item, more, text(close)));
  }
  return choice(options);
}

/** Any number of items. */
const FREE = { min: 0, max: null };

/** The rules of unconstrained values, made once for each grammar. */
export class JsonRules {
  readonly rules: RuleSet;
  #char: Rule | null = null;
  #string: Rule | null = null;
  #value: Rule | null = null;
  #object: Rule | null = null;

  constructor(rules: RuleSet) {
    this.rules = rules;
  }

  /** One character of a string, in its shortest spelling. */
  get char(): Rule {
    return this.#char ??= this.rules.share(STRING_CHAR);
  }

  /** Any string. Written as a recursion, which compiles to one state. */
  get string(): Rule {
    if (this.#string) return this.#string;
    const rest = this.rules.reserve();
    const again: Rule = { kind: "named", name: rest };
    this.rules.define(
      rest,
      choice([
        text('"'),
        sequence(chars(PLAIN_RANGES, true), again),
        sequence(SHORT_ESCAPE, again),
        sequence(UNICODE_ESCAPE, again),
      ]),
    );
    return this.#string = this.rules.share(sequence(text('"'), again));
  }

  /** Any object. */
  get object(): Rule {
    if (this.#object) return this.#object;
    const name = this.rules.reserve();
    this.#object = { kind: "named", name };
    const member = sequence(this.string, text(KEY_SEPARATOR), this.value);
    return this.rules.define(name, list(this.rules, member, { ...FREE, open: "{", close: "}" }));
  }

  /** Any value. */
  get value(): Rule {
    if (this.#value) return this.#value;
    const name = this.rules.reserve();
    this.#value = { kind: "named", name };
    return this.rules.define(
      name,
      choice([
        this.string,
        NUMBER,
        text("true"),
        text("false"),
        text("null"),
        list(this.rules, this.#value, { ...FREE, open: "[", close: "]" }),
        this.object,
      ]),
    );
  }
}

/** Digits without a leading zero. */
export const NATURAL: Rule = choice([
  text("0"),
  sequence(NONZERO_DIGIT, repeat(DIGIT, 0, MAX_DIGITS - 1)),
]);

/** Any integer of at most 15 digits. */
export const INTEGER: Rule = choice([
  text("0"),
  sequence(repeat(text("-"), 0, 1), NONZERO_DIGIT, repeat(DIGIT, 0, MAX_DIGITS - 1)),
]);

/** `.` and digits. */
export const FRACTION: Rule = sequence(text("."), repeat(DIGIT, 1, MAX_DIGITS));

/** Any number whose double is finite. */
export const NUMBER: Rule = sequence(
  repeat(text("-"), 0, 1),
  NATURAL,
  repeat(FRACTION, 0, 1),
  repeat(
    sequence(
      chars([[0x45, 0x45], [0x65, 0x65]]),
      repeat(chars([[0x2b, 0x2b], [0x2d, 0x2d]]), 0, 1),
      repeat(DIGIT, 1, 2),
    ),
    0,
    1,
  ),
);
