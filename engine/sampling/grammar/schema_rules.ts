/**
 * JSON Schema → grammar. The grammar never allows what the schema forbids in an enforced keyword, and may allow less than the schema:
 * properties come in the order in which they are declared, and additional ones only where the schema asks for them.
 *
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { formatJson, ITEM_SEPARATOR, type JsonRules, KEY_SEPARATOR, list } from "./json_rules.ts";
import { otherNameRule } from "./key_rules.ts";
import { integerRule, type NumberBounds, numberRule } from "./number_rules.ts";
import { FORMAT_PATTERNS, patternRule } from "./pattern_rules.ts";
import { choice, NEVER, repeat, type Rule, sequence, text } from "./rules.ts";
import {
  type NormalizedSchema,
  normalizePointer,
  type Schema,
  type SchemaObject,
} from "./schema.ts";
import { mergeSchemas, valuesOf } from "./schema_merge.ts";

/** Schemas within schemas after references are followed; a schema that needs more refers to itself in a way that never ends. */
const MAX_EXPANSION = 48;
/** Schemas that are turned into rules; merging can multiply them. */
const MAX_CONVERSIONS = 20_000;
/** Longer limits are checked on the finished value only. */
const MAX_COUNTED = 65_536;

/** Keywords that tell nothing about the value. */
const ANNOTATIONS = [
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "$comment",
  "$defs",
  "definitions",
];

/** Turns the parts of one schema into rules. */
export class SchemaRules {
  readonly #json: JsonRules;
  readonly #schema: NormalizedSchema;
  readonly #param: string;
  readonly #references = new Map<string, Rule>();
  #depth = 0;
  #numConversions = 0;

  /** @param param the request field at fault */
  constructor(json: JsonRules, schema: NormalizedSchema, param: string) {
    this.#json = json;
    this.#schema = schema;
    this.#param = param;
  }

  /**
   * The grammar of a part.
   *
   * @throws {InvalidRequestError} the references never end
   */
  convert(schema: Schema): Rule {
    if (++this.#numConversions > MAX_CONVERSIONS || this.#depth > MAX_EXPANSION) {
      throw new InvalidRequestError(
        this.#param,
        "The schema is too complex: its references and alternatives multiply; make it simpler",
      );
    }
    this.#depth++;
    const rule = this.#convert(schema);
    this.#depth--;
    return rule;
  }

  #convert(schema: Schema): Rule {
    if (typeof schema === "boolean") return schema ? this.#json.value : NEVER;
    const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
    const hasRest = Object.keys(rest).some((keyword) => !ANNOTATIONS.includes(keyword));
    if ($ref !== undefined) {
      if (!hasRest && !allOf && !anyOf && !oneOf) return this.#refer($ref);
      const target = this.#schema.parts.get(normalizePointer($ref))!;
      return this.convert(mergeSchemas(target, omit(schema, "$ref")));
    }
    if (allOf) {
      return this.convert(allOf.reduce(mergeSchemas, omit(schema, "allOf")));
    }
    const keyword = anyOf ? "anyOf" : "oneOf";
    const branches = anyOf ?? oneOf;
    if (branches) {
      const base = omit(schema, keyword);
      const isBare = !hasRest && (anyOf === undefined || oneOf === undefined);
      return choice(
        branches.map((branch) => this.convert(isBare ? branch : mergeSchemas(base, branch))),
      );
    }
    const values = valuesOf(schema);
    if (values) {
      const texts = values.filter((value) => hasType(value, schema.type)).map(formatJson);
      return choice([...new Set(texts)].map(text));
    }
    return choice(typesOf(schema).map((type) => this.#convertType(type, schema)));
  }

  /** A reference is a rule of its own, so that it may be part of itself. */
  #refer(ref: string): Rule {
    const pointer = normalizePointer(ref);
    const known = this.#references.get(pointer);
    if (known) return known;
    const name = this.#json.rules.reserve();
    this.#references.set(pointer, { kind: "named", name });
    return this.#json.rules.define(name, this.convert(this.#schema.parts.get(pointer)!));
  }

  #convertType(type: string, schema: SchemaObject): Rule {
    switch (type) {
      case "string":
        return this.#convertString(schema);
      case "integer":
        return integerRule(boundsOf(schema));
      case "number":
        return schema.multipleOf !== undefined && Number.isInteger(schema.multipleOf)
          ? integerRule(boundsOf(schema))
          : numberRule(boundsOf(schema));
      case "boolean":
        return choice([text("true"), text("false")]);
      case "null":
        return text("null");
      case "array":
        return this.#convertArray(schema);
      case "object":
        return this.#convertObject(schema);
      default:
        return this.#json.value;
    }
  }

  #convertString({ pattern, format, minLength = 0, maxLength }: SchemaObject): Rule {
    const source = pattern ?? FORMAT_PATTERNS[format ?? ""];
    if (source !== undefined) return patternRule(this.#json, source, this.#param);
    const max = countable(maxLength);
    if (minLength === 0 && max === null) return this.#json.string;
    const numLeast = Math.min(minLength, MAX_COUNTED);
    return this.#json.rules.share(
      sequence(text('"'), this.#json.rules.repeat(this.#json.char, numLeast, max), text('"')),
    );
  }

  #convertArray({ items, prefixItems = [], minItems = 0, maxItems }: SchemaObject): Rule {
    const max = countable(maxItems);
    const min = Math.min(minItems, MAX_COUNTED);
    if (prefixItems.length === 0) {
      const item = this.#json.rules.share(this.convert(items ?? true));
      return list(this.#json.rules, item, { open: "[", close: "]", min, max });
    }
    // Items behind the tuple only where the schema describes them, or needs them.
    const numFixed = Math.min(prefixItems.length, max ?? Infinity);
    const fixed = prefixItems.slice(0, numFixed).map((item) => this.convert(item));
    const parts = fixed.flatMap((item, i) => i === 0 ? [item] : [text(ITEM_SEPARATOR), item]);
    const numMoreLeast = Math.max(0, min - numFixed);
    const hasMore = (items !== undefined && items !== false) || numMoreLeast > 0;
    if (hasMore && numFixed > 0) {
      const item = this.#json.rules.share(this.convert(items ?? true));
      const more = sequence(text(ITEM_SEPARATOR), item);
      const numMoreMost = max === null ? null : max - numFixed;
      parts.push(this.#json.rules.repeat(more, numMoreLeast, numMoreMost));
    }
    return sequence(text("["), ...parts, text("]"));
  }

  #convertObject(schema: SchemaObject): Rule {
    const { properties, required = [], additionalProperties } = schema;
    if (properties === undefined && required.length === 0) {
      // An object of which nothing is said is free.
      return this.#convertMap(schema, additionalProperties ?? true);
    }
    const table = new Map(Object.entries(properties ?? {}));
    for (const name of required) {
      if (!table.has(name)) table.set(name, additionalProperties ?? true);
    }
    const members = [...table].map(([name, value]) => ({
      rule: sequence(text(JSON.stringify(name) + KEY_SEPARATOR), this.convert(value)),
      isRequired: required.includes(name),
    }));
    const hasMore = additionalProperties !== undefined && additionalProperties !== false;
    const more = hasMore
      ? this.#json.rules.share(this.#member(schema, additionalProperties))
      : null;
    return sequence(text("{"), this.#memberChain(members, more), text("}"));
  }

  #convertMap(schema: SchemaObject, value: Schema): Rule {
    if (value === false) return text("{}");
    const { minProperties, maxProperties } = schema as Record<string, number | undefined>;
    const bounds = {
      min: Math.min(minProperties ?? 0, MAX_COUNTED),
      max: countable(maxProperties),
    };
    const isFree = value === true && bounds.min === 0 && bounds.max === null &&
      schema.propertyNames === undefined;
    if (isFree) return this.#json.object;
    const member = this.#json.rules.share(this.#member(schema, value));
    return list(this.#json.rules, member, { open: "{", close: "}", ...bounds });
  }

  /** An additional property. Where names have a schema, only the check of the finished value finds a declared one among them. */
  #member({ propertyNames, properties }: SchemaObject, value: Schema): Rule {
    const { rules, string } = this.#json;
    const declared = Object.keys(properties ?? {});
    const name = propertyNames !== undefined
      ? this.convert(mergeSchemas(propertyNames, { type: "string" }))
      : declared.length > 0
      ? otherNameRule(rules, declared) ?? string
      : string;
    return sequence(name, text(KEY_SEPARATOR), this.convert(value));
  }

  /**
   * Members in order, of which the optional ones may be left out, then any number of additional ones. Built from the end: `first` is
   * what may follow the opening brace, `later` what may follow a member.
   */
  #memberChain(
    members: readonly { rule: Rule; isRequired: boolean }[],
    more: Rule | null,
  ): Rule {
    const { rules } = this.#json;
    const separated = (member: Rule) => sequence(text(ITEM_SEPARATOR), member);
    let later: Rule = more === null ? text("") : repeat(separated(more), 0, null);
    let first: Rule = more === null ? text("") : choice([text(""), sequence(more, later)]);
    for (const { rule, isRequired } of members.toReversed()) {
      const shared = rules.share(rule);
      later = rules.share(later);
      const takenFirst = sequence(shared, later);
      const takenLater = sequence(separated(shared), later);
      first = isRequired ? takenFirst : choice([takenFirst, rules.share(first)]);
      later = isRequired ? takenLater : choice([takenLater, later]);
    }
    return first;
  }
}

function omit(schema: SchemaObject, keyword: string): SchemaObject {
  const { [keyword]: _, ...rest } = schema;
  return rest;
}

/** The types that a schema allows; where it names none, the one that its keywords speak of. */
function typesOf(schema: SchemaObject): string[] {
  if (schema.type !== undefined) {
    const types = [schema.type].flat();
    return types.filter((type) => type !== "integer" || !types.includes("number"));
  }
  const speaksOf = (...keywords: string[]) => keywords.some((k) => schema[k] !== undefined);
  if (
    speaksOf("properties", "required", "additionalProperties", "minProperties", "maxProperties")
  ) {
    return ["object"];
  }
  if (speaksOf("items", "prefixItems", "minItems", "maxItems")) return ["array"];
  if (speaksOf("pattern", "format", "minLength", "maxLength")) return ["string"];
  if (speaksOf("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")) {
    return ["number"];
  }
  return ["any"];
}

function hasType(value: unknown, type: string | string[] | undefined): boolean {
  if (type === undefined) return true;
  return [type].flat().some((name) => {
    switch (name) {
      case "integer":
        return Number.isInteger(value);
      case "array":
        return Array.isArray(value);
      case "null":
        return value === null;
      case "object":
        return typeof value === "object" && value !== null && !Array.isArray(value);
      case "string":
        return typeof value === "string";
      case "number":
        return typeof value === "number";
      default:
        return typeof value === "boolean";
    }
  });
}

function boundsOf(schema: SchemaObject): NumberBounds {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const isMinExclusive = exclusiveMinimum !== undefined &&
    (minimum === undefined || exclusiveMinimum >= minimum);
  const isMaxExclusive = exclusiveMaximum !== undefined &&
    (maximum === undefined || exclusiveMaximum <= maximum);
  return {
    min: (isMinExclusive ? exclusiveMinimum : minimum) ?? null,
    isMinExclusive,
    max: (isMaxExclusive ? exclusiveMaximum : maximum) ?? null,
    isMaxExclusive,
  };
}

function countable(bound: number | undefined): number | null {
  return bound === undefined || bound > MAX_COUNTED ? null : bound;
}
