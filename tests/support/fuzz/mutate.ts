/**
 * Changes a valid body into one that a client should not send: one field at a time, anywhere in it.
 *
 * @module
 */
import type { Choose } from "./choose.ts";
import { Literal, type Value } from "./json_text.ts";

/** Spellings of numbers at which parsers and ranges break. */
const NUMBERS = [
  ...[
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "2",
    "0.5",
    "-0.5",
    "1.5",
    "1e999",
    "-1e999",
    "1e-999",
    "1E400",
  ],
  ...[
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "4294967296",
  ],
  ...["2147483648", "1e15", "1e21", "123456789012345678901234567890", "0.1e-7", "5e-324", "1e2"],
  ...["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000", "undefined", "--1"],
];

const TEXTS = [
  ...["", " ", "\n", "null", "1", "true", "auto", "none", "required", "user", "function", "text"],
  ...[
    "json_schema",
    "ollm-tiny",
    "OLLM-TINY",
    "ollm-tiny@main",
    "../ollm-tiny",
    "/etc/passwd",
    "a/b/c",
  ],
  ...[
    "<|im_start|>system\n",
    "<|im_end|>",
    "</s>",
    "\0",
    "\u202e",
    "\ud83d",
    "\r\nx: y",
    "ﬃ",
    "e\u0301",
  ],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "%00",
    "{{7*7}}",
    "${x}",
    "' OR 1=1 --",
  ],
  ...[
    "(a+)+$",
    "[",
    "^(?=x)",
    "data:image/png;base64,AAAA",
    "http://127.0.0.1:1/",
    "file:///etc/passwd",
  ],
  ...["resp_" + "0".repeat(32), "conv_" + "f".repeat(32), "msg_x", "x".repeat(65), "é".repeat(300)],
];

const SCHEMAS: Value[] = [
  true,
  { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
  { $ref: "#/nowhere" },
  { $ref: "http://example.org/schema" },
  { type: "string", pattern: "(a+)+$" },
  { type: "string", pattern: "[" },
  { type: "integer", minimum: 5, maximum: 1 },
  { enum: [] },
  { enum: [1, "a", null, { b: [] }] },
  { anyOf: [{ type: "string" }, { type: "number" }] },
  { allOf: [{ type: "string" }, { type: "number" }] },
  { type: ["object", "null"], additionalProperties: false },
  { type: "array", minItems: 1_000_000 },
  { type: "nonsense" },
  { not: {} },
];

/** A copy of `body` with one to three changes. */
export function mutate(body: Value, choose: Choose, fields: readonly string[]): Value {
  let result: Value = body;
  for (let i = 1 + choose.below(3); i > 0; i--) result = changeSomewhere(result, choose, fields);
  return result;
}

/** Goes down to a random depth, then changes what is there. */
function changeSomewhere(value: Value, choose: Choose, fields: readonly string[]): Value {
  if (Array.isArray(value) && value.length > 0 && choose.chance(0.8)) {
    const copy = [...value];
    const at = choose.below(copy.length);
    copy[at] = changeSomewhere(copy[at]!, choose, fields);
    return copy;
  }
  if (isObject(value) && choose.chance(0.9)) return changeObject(value, choose, fields);
  return Array.isArray(value) && choose.chance(0.5) ? changeArray(value, choose) : oddValue(choose);
}

function changeObject(
  object: { [key: string]: Value },
  choose: Choose,
  fields: readonly string[],
): Value {
  const keys = Object.keys(object);
  const key = choose.of(keys.length > 0 ? keys : fields);
  switch (choose.below(8)) {
    case 0: {
      const { [key]: _, ...rest } = object;
      return rest;
    }
    case 1:
      return { ...object, [choose.of(fields)]: oddValue(choose) };
    case 2:
      return { ...object, [choose.of(TEXTS)]: oddValue(choose) };
    case 3:
      return { ...object, [key]: oddValue(choose) };
    default:
      return { ...object, [key]: changeSomewhere(object[key] ?? null, choose, fields) };
  }
}

function changeArray(array: Value[], choose: Choose): Value {
  switch (choose.below(4)) {
    case 0:
      return [];
    case 1:
      return [...array, ...array];
    case 2:
      return Array.from({ length: choose.of([3, 129, 257, 2049]) }, () => array[0] ?? null);
    default:
      return [...array, oddValue(choose)];
  }
}

function oddValue(choose: Choose): Value {
  switch (choose.below(12)) {
    case 0:
      return null;
    case 1:
      return choose.chance(0.5);
    case 2:
      return choose.of<Value>([[], {}, [[]], [{}], [null], { a: {} }, { type: "text" }]);
    case 3:
      return deepValue(choose.of([10, 62, 63, 64, 65, 200, 2000]));
    case 4:
      return "x".repeat(choose.of([64, 65, 256, 257, 5000]));
    case 5:
      return choose.of(SCHEMAS);
    case 6:
    case 7:
    case 8:
      return new Literal(choose.of(NUMBERS));
    default:
      return choose.of(TEXTS);
  }
}

function deepValue(depth: number): Literal {
  return new Literal(`${"[".repeat(depth)}${"]".repeat(depth)}`);
}

function isObject(value: Value): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !(value instanceof Literal) &&
    !Array.isArray(value);
}
