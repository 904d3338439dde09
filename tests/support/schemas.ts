/**
 * Schemas as tools and formats have them, one for each thing that schemas can say. Nearly every value is bounded, so that
 * random answers end.
 */
const WORD = { type: "string", pattern: "^[a-z]{1,8}$" };
const SHORT = { type: "string", maxLength: 12 };

/** By what they show. */
export const SCHEMAS: Readonly<Record<string, Record<string, unknown>>> = {
  flat: {
    type: "object",
    properties: { city: SHORT, days: { type: "integer", minimum: 1, maximum: 14 } },
    required: ["city", "days"],
    additionalProperties: false,
  },
  optional: {
    type: "object",
    properties: { a: SHORT, b: { type: "boolean" }, c: { type: "null" }, d: { const: "d" } },
    required: ["c"],
  },
  enums: {
    type: "object",
    properties: {
      unit: { type: "string", enum: ["celsius", "fahrenheit", 'ke"lvin\\', "köl\nn"] },
      level: { enum: [1, 2.5, null, true, ["x"]] },
    },
    required: ["unit", "level"],
  },
  nested: {
    type: "object",
    properties: {
      user: {
        type: "object",
        properties: {
          name: SHORT,
          address: {
            type: "object",
            properties: { street: SHORT, zip: { type: "string", pattern: "^\\d{5}$" } },
            required: ["street", "zip"],
          },
        },
        required: ["name", "address"],
      },
    },
    required: ["user"],
  },
  arrays: {
    type: "object",
    properties: {
      tags: { type: "array", items: WORD, minItems: 1, maxItems: 4 },
      grid: {
        type: "array",
        maxItems: 3,
        items: { type: "array", items: { type: "integer", minimum: 0, maximum: 9 }, maxItems: 3 },
      },
    },
    required: ["tags", "grid"],
  },
  integers: {
    type: "array",
    items: { type: "integer", minimum: -1050, maximum: 2307 },
    minItems: 3,
    maxItems: 8,
  },
  numbers: {
    type: "object",
    properties: {
      any: { type: "number" },
      share: { type: "number", minimum: 0, maximum: 1 },
      positive: { type: "number", exclusiveMinimum: 0, maximum: 2.5 },
      cold: { type: "number", minimum: -273.15, exclusiveMaximum: -4 },
      around: { type: "number", minimum: -7.25, maximum: 13 },
      narrow: { type: "number", minimum: 0.125, maximum: 0.625 },
      tens: { type: "number", exclusiveMinimum: -1, exclusiveMaximum: 1 },
    },
    required: ["any", "share", "positive", "cold", "around", "narrow", "tens"],
  },
  unions: {
    type: "object",
    properties: {
      value: { anyOf: [SHORT, { type: "integer" }, { type: "array", items: WORD, maxItems: 2 }] },
      maybe: { type: ["string", "null"], maxLength: 5 },
    },
    required: ["value", "maybe"],
  },
  tagged: {
    oneOf: [
      {
        type: "object",
        properties: { kind: { const: "circle" }, radius: { type: "number", minimum: 0 } },
        required: ["kind", "radius"],
      },
      {
        type: "object",
        properties: { kind: { const: "square" }, side: { type: "number", minimum: 0 } },
        required: ["kind", "side"],
      },
    ],
  },
  references: {
    type: "object",
    properties: { from: { $ref: "#/$defs/point" }, to: { $ref: "#/$defs/point" } },
    required: ["from", "to"],
    $defs: {
      point: {
        type: "object",
        properties: { x: { type: "integer", maximum: 100 }, y: { type: "integer", minimum: -20 } },
        required: ["x", "y"],
      },
    },
  },
  recursion: {
    type: "object",
    properties: {
      value: { type: "integer", minimum: 0, maximum: 9 },
      children: { type: "array", items: { $ref: "#" }, maxItems: 1 },
    },
    required: ["value", "children"],
  },
  patterns: {
    type: "object",
    properties: {
      phone: { type: "string", pattern: "^\\+?[0-9]{3}(-[0-9]{2,4}){1,2}$" },
      quoted: { type: "string", pattern: '^"[^"]{0,4}"$' },
      path: { type: "string", pattern: "^(\\\\\\w{1,8}){1,3}$" },
      anywhere: { type: "string", pattern: "^x.?y.{0,4}$" },
      lines: { type: "string", pattern: "^[\\w\\s]{2,6}$" },
    },
    required: ["phone", "quoted", "path", "anywhere", "lines"],
  },
  formats: {
    type: "object",
    properties: {
      at: { type: "string", format: "date-time" },
      id: { type: "string", format: "uuid" },
      ip: { type: "string", format: "ipv4" },
      mail: { type: "string", format: "email" },
    },
    required: ["at", "id", "ip", "mail"],
  },
  lengths: {
    type: "object",
    properties: {
      code: { type: "string", minLength: 3, maxLength: 3 },
      note: { type: "string", maxLength: 200 },
    },
    required: ["code", "note"],
  },
  maps: {
    type: "object",
    properties: { known: { type: "boolean" }, kind: { type: "null" } },
    additionalProperties: { type: "integer", minimum: 0, maximum: 5 },
  },
  namedMaps: {
    type: "object",
    propertyNames: { maxLength: 10 },
    additionalProperties: { type: "boolean" },
    minProperties: 1,
    maxProperties: 3,
  },
  merged: {
    allOf: [
      { type: "object", properties: { a: { type: "integer", minimum: 3 } }, required: ["a"] },
      { properties: { a: { maximum: 5 }, b: WORD }, required: ["b"] },
    ],
  },
  tuple: {
    type: "array",
    prefixItems: [{ type: "boolean" }, WORD],
    items: { type: "null" },
    minItems: 2,
    maxItems: 4,
  },
  names: {
    type: "object",
    properties: { 'quo"te': { const: 1 }, "back\\slash": { const: 2 }, "schlüssel": { const: 3 } },
    required: ['quo"te', "back\\slash", "schlüssel"],
  },
};

/** Those that a model can go on with for ever. */
export const ENDLESS: readonly string[] = ["maps", "recursion"];
