import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { InvalidRequestError } from "../../../engine/errors.ts";
import { type Constraint, createConstraint } from "../../../engine/sampling/grammar/mod.ts";
import { HERMES } from "../../../engine/text/tool_calls/hermes.ts";
import { JSON_ANSWER } from "../../../engine/text/tool_calls/json_answer.ts";
import { LLAMA3 } from "../../../engine/text/tool_calls/llama3.ts";
import { MISTRAL } from "../../../engine/text/tool_calls/mistral.ts";
import type { ToolFormat } from "../../../engine/text/tool_calls/mod.ts";
import type { ToolChoice, ToolDefinition } from "../../../engine/types.ts";
import { accepts, createByteGrammars, listTexts, walk } from "../../support/grammar_walk.ts";
import { createRandom } from "../../support/random.ts";
import { SCHEMAS } from "../../support/schemas.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));
const NUM_WALKS = Number(Deno.env.get("WALKS") ?? 12);

function forSchema(schema: unknown): Constraint {
  return createConstraint({
    tools: [],
    toolChoice: "none",
    parallelToolCalls: true,
    responseFormat: { type: "json_schema", schema: schema as Record<string, unknown> },
  }, HERMES.syntax)!;
}

function forTools(
  tools: ToolDefinition[],
  toolChoice: ToolChoice,
  { format = HERMES, parallelToolCalls = true }: {
    format?: ToolFormat;
    parallelToolCalls?: boolean;
  } = {},
): Constraint {
  return createConstraint(
    { tools, toolChoice, parallelToolCalls, responseFormat: { type: "text" } },
    format.syntax,
  )!;
}

Deno.test({
  name: "createConstraint() allows only values that satisfy their schema",
  async fn() {
    console.log(`SEED=${SEED}`);
    const random = createRandom(SEED);
    const grammars = createByteGrammars();
    let numEnded = 0;
    for (const [name, schema] of Object.entries(SCHEMAS)) {
      const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
      for (let i = 0; i < NUM_WALKS; i++) {
        const session = await grammars.open(forSchema(schema));
        const text = await walk(session, random);
        if (text !== null) {
          numEnded++;
          const value = JSON.parse(text);
          assert.ok(validate(value), `${name}: ${text}: ${JSON.stringify(validate.errors)}`);
          assert.equal(await session.check(null, text), null, `${name}: ${text}`);
        }
        session.close();
      }
    }
    grammars.close();
    assert.ok(numEnded > 0.95 * NUM_WALKS * Object.keys(SCHEMAS).length, `${numEnded} ended`);
  },
});

/** Texts that must be allowed, and texts that must not. */
const TEXTS: [schema: unknown, good: string[], bad: string[]][] = [
  [{ type: "object", properties: {} }, ["{}"], ['{"a": 1}', "{ }", "[]", ""]],
  [{ type: "object" }, ["{}", '{"a": [1, {"b": null}]}'], ['{"a":1}', '{"a": 1} ']],
  [
    { properties: { a: { type: "integer" }, b: { type: "boolean" } }, required: ["b"] },
    ['{"b": true}', '{"a": 1, "b": false}'],
    ['{"a": 1}', '{"b": true, "a": 1}', '{"b": true, "c": 1}'],
  ],
  [
    { properties: { a: { const: 1 } }, additionalProperties: { type: "null" } },
    ["{}", '{"a": 1}', '{"a": 1, "b": null}', '{"b": null, "c": null}'],
    ['{"b": 1}', '{"a": 2}'],
  ],
  [
    {
      properties: { k: { const: 1 }, ka: { const: 2 }, 'q"\\': { const: 3 }, "é": { const: 4 } },
      additionalProperties: { const: 0 },
    },
    [
      '{"k": 1, "x": 0}',
      '{"kb": 0}',
      '{"": 0, "kab": 0}',
      '{"q": 0, "q\\"": 0}',
      '{"aé": 0, "éa": 0}',
    ],
    ['{"k": 0}', '{"ka": 0}', '{"q\\"\\\\": 0}', '{"é": 0}', '{"\\u006b": 0}', '{"x": 1}'],
  ],
  [
    { type: "object", propertyNames: { pattern: "^[a-z]$" }, additionalProperties: { const: 1 } },
    ["{}", '{"a": 1, "b": 1}'],
    ['{"A": 1}', '{"ab": 1}'],
  ],
  [
    { type: "integer", minimum: -3, maximum: 120 },
    ["-3", "-1", "0", "7", "99", "100", "120"],
    ["-4", "121", "1.0", "00", "-0", "1e2"],
  ],
  [{ type: "integer", exclusiveMinimum: 9, exclusiveMaximum: 13 }, ["10", "12"], ["9", "13"]],
  [
    { type: "number", minimum: 0, maximum: 1 },
    ["0", "1", "0.5", "0.000001"],
    ["1.1", "-0.1", "2", ".5"],
  ],
  [{ type: "number", exclusiveMinimum: 0 }, ["0.1", "3", "12.5"], ["0", "0.0", "-1"]],
  [
    { type: "number", minimum: 0.25, maximum: 10.5 },
    ["0.25", "0.99", "1", "9.75", "10.50"],
    ["0.24", "0", "10.51", "11"],
  ],
  [{ type: "number", maximum: -2 }, ["-2", "-2.5", "-17"], ["-1.9", "2", "0"]],
  [{ enum: ["a", 1, null, { "x": [true] }] }, ['"a"', "1", "null", '{"x": [true]}'], [
    '"b"',
    '{"x":[true]}',
  ]],
  [{ type: "string", enum: ["a", 1] }, ['"a"'], ["1"]],
  [{ type: "string", minLength: 2, maxLength: 3 }, ['"ab"', '"äöü"', '"\\n\\""'], [
    '"a"',
    '"abcd"',
    '"a\nb"',
  ]],
  [{ type: "string", maxLength: 70 }, [`"${"x".repeat(70)}"`, '""'], [`"${"x".repeat(71)}"`]],
  [{ type: "string", pattern: "^[a-c]{2,3}(-\\d+)?$" }, ['"ab"', '"abc-12"'], ['"a"', '"ab-"']],
  [{ type: "string", pattern: "b+" }, ['"b"', '"abbc"'], ['"ac"']],
  [{ type: "string", pattern: "^(a|b[^x-z])$" }, ['"a"', '"b1"', '"bé"', '"b\\""'], [
    '"bx"',
    '"b"',
  ]],
  [{ type: "string", format: "date" }, ['"2024-02-28"'], ['"2024-2-28"', '"2024-13-01"']],
  [
    { type: "array", items: { type: "null" }, minItems: 1, maxItems: 2 },
    ["[null]", "[null, null]"],
    [
      "[]",
      "[null, null, null]",
    ],
  ],
  [{ prefixItems: [{ const: 1 }, { const: "a" }] }, ['[1, "a"]'], ["[1]", '["a", 1]']],
  [{ items: [{ const: 1 }], additionalItems: { const: 2 } }, ["[1]", "[1, 2, 2]"], ["[2]"]],
  [{ anyOf: [{ type: "string", maxLength: 1 }, { type: "null" }] }, ["null", '"a"'], ["1", '"ab"']],
  [{ type: ["boolean", "null"] }, ["true", "null"], ["0"]],
  [
    {
      $ref: "#/$defs/list",
      $defs: {
        list: {
          anyOf: [{ const: 0 }, {
            properties: { next: { $ref: "#/$defs/list" } },
            required: ["next"],
          }],
        },
      },
    },
    ["0", '{"next": {"next": 0}}'],
    ['{"next": 1}', "{}"],
  ],
  [
    {
      allOf: [
        { properties: { a: { type: "integer", minimum: 3 } }, required: ["a"] },
        { properties: { a: { maximum: 5 }, b: { const: 1 } } },
      ],
    },
    ['{"a": 3}', '{"a": 5, "b": 1}'],
    ['{"a": 6}', '{"b": 1}'],
  ],
  [
    {
      type: "object",
      properties: { a: { const: 1 }, b: { const: 2 } },
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    },
    ['{"a": 1}', '{"b": 2}', '{"a": 1, "b": 2}'],
    ["{}"],
  ],
  [{ anyOf: [false, { const: 1 }] }, ["1"], ["2"]],
];

Deno.test("createConstraint() draws the line between texts where the schema draws it", async () => {
  const grammars = createByteGrammars();
  for (const [schema, good, bad] of TEXTS) {
    const constraint = forSchema(schema);
    for (const text of good) {
      assert.ok(await accepts(grammars, constraint, text), `${JSON.stringify(schema)} ← ${text}`);
    }
    for (const text of bad) {
      assert.ok(!await accepts(grammars, constraint, text), `${JSON.stringify(schema)} ↚ ${text}`);
    }
  }
  grammars.close();
});

/** `count` different texts of up to four characters; short alphabets make them share beginnings and ends. */
function randomTexts(random: () => number, count: number): string[] {
  const alphabet = ["a", "b", "1", "é", "ü", "\u1680", "\u2001", "😀"];
  const pick = () => alphabet[Math.floor(random() * alphabet.length)]!;
  const texts = new Set<string>();
  while (texts.size < count) {
    texts.add(Array.from({ length: 1 + Math.floor(random() * 4) }, pick).join(""));
  }
  return [...texts];
}

Deno.test("createConstraint() allows exactly the values of an enum", async () => {
  const random = createRandom(SEED);
  const grammars = createByteGrammars();
  for (const values of [["xa1", "ya1", "ya2"], ["a", "aa", "aaa", ""]]) {
    const texts = await listTexts(grammars, forSchema({ enum: values }));
    assert.deepEqual(texts, values.map((value) => JSON.stringify(value)).sort());
  }
  for (let i = 0; i < 20; i++) {
    const values = randomTexts(random, 3 + Math.floor(random() * 8));
    const texts = await listTexts(grammars, forSchema({ enum: values }));
    assert.deepEqual(texts, values.map((value) => JSON.stringify(value)).sort());
  }
  grammars.close();
});

Deno.test("createConstraint() allows exactly the integers of a range", async () => {
  const random = createRandom(SEED);
  const grammars = createByteGrammars();
  for (let i = 0; i < 20; i++) {
    const scale = 10 ** (1 + Math.floor(random() * 4));
    const minimum = Math.round((2 * random() - 1) * scale);
    const maximum = minimum + Math.floor(random() * 120);
    const texts = await listTexts(grammars, forSchema({ type: "integer", minimum, maximum }));
    const expected = Array.from({ length: maximum - minimum + 1 }, (_, k) => String(minimum + k));
    assert.deepEqual(texts, expected.sort(), `${minimum} to ${maximum}, SEED=${SEED}`);
  }
  grammars.close();
});

Deno.test("createConstraint() allows exactly the texts of a pattern", async () => {
  const grammars = createByteGrammars();
  const cases: [pattern: string, texts: string[]][] = [
    ["^(xa1|ya1|ya2)$", ["xa1", "ya1", "ya2"]],
    ["^(a|ab|abc)c?$", ["a", "ab", "abc", "abcc", "ac"]],
    ["^[ab]{1,2}$", ["a", "aa", "ab", "b", "ba", "bb"]],
    ["^(1[0-1]|1[0-1][5-6])$", ["10", "105", "106", "11", "115", "116"]],
    ["^[é\\u1680\\u2001]$", ["é", "\u1680", "\u2001"]],
    ["^a|b$", []],
  ];
  for (const [pattern, expected] of cases) {
    const constraint = forSchema({ type: "string", pattern });
    if (expected.length === 0) {
      assert.ok(await accepts(grammars, constraint, '"axy"'));
      assert.ok(!await accepts(grammars, constraint, '"xay"'));
      continue;
    }
    const texts = await listTexts(grammars, constraint);
    assert.deepEqual(texts, expected.map((text) => JSON.stringify(text)).sort(), pattern);
  }
  grammars.close();
});

Deno.test("createConstraint() allows exactly the members of an object", async () => {
  const grammars = createByteGrammars();
  const one = { const: 1 };
  const constraint = forSchema({
    properties: { a: one, b: { enum: [1, 12] }, ab: one },
    required: ["ab"],
  });
  assert.deepEqual(await listTexts(grammars, constraint), [
    '{"a": 1, "ab": 1}',
    '{"a": 1, "b": 1, "ab": 1}',
    '{"a": 1, "b": 12, "ab": 1}',
    '{"ab": 1}',
    '{"b": 1, "ab": 1}',
    '{"b": 12, "ab": 1}',
  ]);
  grammars.close();
});

const DEEP = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ items: inner }), {});

const REFUSED: [title: string, schema: unknown][] = [
  ["no schema", 1],
  ["an unknown type", { type: "text" }],
  ["an empty enum", { enum: [] }],
  ["an empty anyOf", { anyOf: [] }],
  ["a reference to elsewhere", { $ref: "https://example.com/schema" }],
  ["a reference to nothing", { $ref: "#/$defs/x" }],
  ["a reference to itself", { $ref: "#" }],
  ["alternatives that lead to themselves", { anyOf: [{ $ref: "#" }, { $ref: "#" }] }],
  ["a value without end", { properties: { a: { $ref: "#" } }, required: ["a"] }],
  ["nothing", false],
  ["a range without numbers", { type: "integer", minimum: 5, maximum: 4 }],
  ["a required property that cannot be", { properties: { a: false }, required: ["a"] }],
  ["types that exclude each other", { allOf: [{ type: "string" }, { type: "null" }] }],
  ["a look-ahead", { pattern: "(?=a)b" }],
  ["a back reference", { pattern: "(a)\\1" }],
  ["an open group", { pattern: "(a" }],
  ["a repetition without end", { pattern: "((a{1000}){1000}){1000}" }],
  ["a dynamic reference", { $dynamicRef: "#x" }],
  ["too much depth", DEEP],
  ["too many values", { enum: Array.from({ length: 1001 }, (_, i) => i) }],
  ["too many bytes", { description: "x".repeat(70_000) }],
  ["properties that are no table", { properties: [] }],
  ["required that is no list", { required: "a" }],
];

for (const [title, schema] of REFUSED) {
  Deno.test(`createConstraint() refuses ${title}`, () => {
    assert.throws(
      () => forSchema(schema),
      (error) => error instanceof InvalidRequestError && error.param === "response_format",
    );
  });
}

Deno.test("createConstraint() names the tool whose parameters are wrong", () => {
  assert.throws(
    () => forTools([{ name: "f" }, { name: "g", parameters: { enum: [] } }], "auto"),
    (error) => error instanceof InvalidRequestError && error.param === "tools.g.parameters",
  );
});

const TOOLS: ToolDefinition[] = [
  { name: "f", parameters: { properties: { a: { type: "integer" } }, required: ["a"] } },
  { name: "g" },
];
const F = '{"name": "f", "arguments": {"a": 1}}';
const G = '{"name": "g", "arguments": {}}';
const tag = (call: string) => `<tool_call>\n${call}\n</tool_call>`;

/** Answers that a choice of tools allows, and others. */
const ANSWERS: [title: string, constraint: Constraint, good: string[], bad: string[]][] = [
  [
    "Hermes, required",
    forTools(TOOLS, "required"),
    [tag(F), tag(G), `${tag(F)}\n${tag(G)}`],
    ["", "hi", tag('{"name": "g", "arguments": {"a": 1}}'), tag('{"name": "h", "arguments": {}}')],
  ],
  [
    "Hermes, required, one at a time",
    forTools(TOOLS, "required", { parallelToolCalls: false }),
    [tag(F)],
    [`${tag(F)}\n${tag(G)}`],
  ],
  ["Hermes, named", forTools(TOOLS, { name: "g" }), [tag(G)], [tag(F)]],
  [
    "Hermes, auto",
    forTools(TOOLS, "auto"),
    ["", "hi < there", tag(F), `hi ${tag(F)} and ${tag(G)}`],
    [tag("x"), `hi ${tag('{"name": "f", "arguments": {}}')}`],
  ],
  [
    "Hermes, auto, one at a time",
    forTools(TOOLS, "auto", { parallelToolCalls: false }),
    ["hi", `hi ${tag(F)}`],
    [`${tag(F)} hi`],
  ],
  [
    "Mistral, required",
    forTools(TOOLS, "required", { format: MISTRAL }),
    [`[TOOL_CALLS] [${F}]`, `[TOOL_CALLS] [${F}, ${G}]`],
    [F, "[TOOL_CALLS] []"],
  ],
  [
    "Mistral, auto",
    forTools(TOOLS, "auto", { format: MISTRAL }),
    ["hi", `hi[TOOL_CALLS] [${F}]`],
    ["[TOOL_CALLS] no", `[TOOL_CALLS] [${F}] hi`],
  ],
  [
    "Llama 3, auto",
    forTools(TOOLS, "auto", { format: LLAMA3 }),
    ["hi", "", '{"name": "f", "parameters": {"a": 1}}'],
    ["{}", '{"name": "f", "parameters": {}}'],
  ],
  [
    "JSON answer, auto",
    forTools(TOOLS, "auto", { format: JSON_ANSWER }),
    ['{"type": "message", "content": "hi"}', `{"type": "function_call", "calls": [${F}, ${G}]}`],
    ["hi", '{"type": "function_call", "calls": []}'],
  ],
];

for (const [title, constraint, good, bad] of ANSWERS) {
  Deno.test(`createConstraint() for ${title}`, async () => {
    const grammars = createByteGrammars();
    for (const text of good) assert.ok(await accepts(grammars, constraint, text), text);
    for (const text of bad) assert.ok(!await accepts(grammars, constraint, text), text);
    grammars.close();
  });
}
