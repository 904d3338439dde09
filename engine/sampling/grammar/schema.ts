/**
 * JSON Schemas from requests, checked and brought into one dialect (2020-12).
 *
 * Every keyword of the standard is **enforced** by the grammar, **checked** on the finished value, or **refused**; see
 * {@linkcode normalizeSchema}. What the standard calls annotations, and keywords that it does not know, change nothing.
 *
 * @see https://json-schema.org/draft/2020-12/json-schema-validation
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import { compilePattern } from "./pattern_match.ts";
import { parsePattern } from "./pattern.ts";

/** A checked schema; keywords as published. */
export type Schema = boolean | SchemaObject;

/** The keywords that grammars are made of; others stand beside them for the check of the finished value. */
export interface SchemaObject {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  $ref?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  propertyNames?: Schema;
  items?: Schema;
  prefixItems?: Schema[];
  minItems?: number;
  maxItems?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  [keyword: string]: unknown;
}

/** A normalized schema and its parts by JSON pointer, for `$ref`. */
export interface NormalizedSchema {
  root: Schema;
  parts: ReadonlyMap<string, Schema>;
}

/** Limits of a schema; real ones stay below a tenth of each. */
const LIMITS = { bytes: 65_536, depth: 16, properties: 5_000, enum: 1_000, nameChars: 120_000 };
/** Nesting of any JSON in a schema, values of `enum` included. */
const MAX_JSON_DEPTH = 64;

const TYPES = ["string", "number", "integer", "boolean", "null", "object", "array"];
/** One schema. */
const SCHEMA_KEYWORDS = [
  "additionalProperties",
  "items",
  "not",
  "if",
  "then",
  "else",
  "contains",
  "propertyNames",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const SCHEMA_LIST_KEYWORDS = ["anyOf", "oneOf", "allOf", "prefixItems"];
const SCHEMA_TABLE_KEYWORDS = [
  "properties",
  "$defs",
  "definitions",
  "patternProperties",
  "dependentSchemas",
];
const COUNT_KEYWORDS = [
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "minContains",
  "maxContains",
];
const NUMBER_KEYWORDS = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
];
/** Of these only the first draft to know them, or nobody, agrees what they mean. */
const REFUSED_KEYWORDS = ["$dynamicRef", "$recursiveRef", "dependencies"];
/** Would move the base of local references. */
const DROPPED_KEYWORDS = ["$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary"];

/**
 * Checks a schema against the limits and copies it into the 2020-12 dialect.
 *
 * @param param the request field at fault
 * @throws {InvalidRequestError} a keyword has a wrong value or is refused, or a limit is exceeded
 */
export function normalizeSchema(schema: unknown, param: string): NormalizedSchema {
  const fail = (message: string) => new InvalidRequestError(param, `The schema ${message}`);
  if (!isJsonWithin(schema, MAX_JSON_DEPTH)) throw fail(`nests deeper than ${MAX_JSON_DEPTH}`);
  const numBytes = new TextEncoder().encode(JSON.stringify(schema)).length;
  if (numBytes > LIMITS.bytes) {
    throw fail(`has ${numBytes} bytes; at most ${LIMITS.bytes} are possible`);
  }
  const normalizer = new SchemaNormalizer(param);
  const root = normalizer.normalize(schema, "#", 0);
  for (const [pointer, part] of normalizer.parts) {
    const target = typeof part === "object" ? part.$ref : undefined;
    if (target === undefined || normalizer.parts.has(normalizePointer(target))) continue;
    throw fail(
      `refers at ${pointer} to "${target}", which is not a schema in it; only local references are followed`,
    );
  }
  return { root, parts: normalizer.parts };
}

/** A `$ref` as the key of {@linkcode NormalizedSchema.parts}; a malformed one finds nothing there. */
export function normalizePointer(ref: string): string {
  try {
    return decodeURIComponent(ref);
  } catch {
    return ref;
  }
}

class SchemaNormalizer {
  readonly parts = new Map<string, Schema>();
  readonly #param: string;
  readonly #counts = { properties: 0, enum: 0, nameChars: 0 };

  constructor(param: string) {
    this.#param = param;
  }

  normalize(schema: unknown, pointer: string, depth: number): Schema {
    if (typeof schema === "boolean") {
      this.parts.set(pointer, schema);
      return schema;
    }
    if (!isTable(schema)) throw this.#wrong(pointer, "a schema: an object, true or false");
    if (depth > LIMITS.depth) {
      throw new InvalidRequestError(
        this.#param,
        `The schema nests deeper than ${LIMITS.depth} at ${pointer}`,
      );
    }
    const normalized: SchemaObject = {};
    this.parts.set(pointer, normalized);
    for (const [keyword, value] of Object.entries(schema)) {
      if (DROPPED_KEYWORDS.includes(keyword)) continue;
      const at = `${pointer}/${escapePointer(keyword)}`;
      // A plain assignment of `__proto__` would set the prototype.
      Object.defineProperty(normalized, keyword, {
        value: this.#normalizeKeyword(keyword, value, at, depth),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return this.#adoptTuples(normalized, schema, pointer, depth);
  }

  #normalizeKeyword(keyword: string, value: unknown, at: string, depth: number): unknown {
    if (REFUSED_KEYWORDS.includes(keyword)) {
      throw new InvalidRequestError(
        this.#param,
        `The schema uses "${keyword}" at ${at}, which cannot be enforced; leave it out`,
      );
    }
    if (keyword === "items" && Array.isArray(value)) return undefined; // see #adoptTuples
    if (SCHEMA_KEYWORDS.includes(keyword)) return this.normalize(value, at, depth + 1);
    if (SCHEMA_LIST_KEYWORDS.includes(keyword)) return this.#normalizeList(value, at, depth);
    if (SCHEMA_TABLE_KEYWORDS.includes(keyword)) {
      return this.#normalizeTable(keyword, value, at, depth);
    }
    if (COUNT_KEYWORDS.includes(keyword)) {
      if (!Number.isSafeInteger(value) || (value as number) < 0) {
        throw this.#wrong(at, "a whole number from 0");
      }
    } else if (NUMBER_KEYWORDS.includes(keyword)) {
      if (typeof value !== "number" || (keyword === "multipleOf" && value <= 0)) {
        throw this.#wrong(at, "a number");
      }
    } else this.#checkPlain(keyword, value, at);
    return value;
  }

  #checkPlain(keyword: string, value: unknown, at: string): void {
    switch (keyword) {
      case "type":
        if (![value].flat().every((type) => TYPES.includes(type as string))) {
          throw this.#wrong(at, `one or more of ${TYPES.join(", ")}`);
        }
        break;
      case "enum":
        if (!Array.isArray(value) || value.length === 0) throw this.#wrong(at, "a list of values");
        this.#count("enum", value.length);
        break;
      case "required":
        if (!Array.isArray(value) || value.some((name) => typeof name !== "string")) {
          throw this.#wrong(at, "a list of names");
        }
        break;
      case "dependentRequired":
        if (!isTable(value) || !Object.values(value).every(Array.isArray)) {
          throw this.#wrong(at, "a table of lists of names");
        }
        break;
      case "uniqueItems":
        if (typeof value !== "boolean") throw this.#wrong(at, "true or false");
        break;
      case "$ref":
      case "format":
        if (typeof value !== "string") throw this.#wrong(at, "a text");
        break;
      case "pattern":
        if (typeof value !== "string") throw this.#wrong(at, "a text");
        this.#checkPattern(value);
    }
  }

  #checkPattern(pattern: string): void {
    compilePattern(parsePattern(pattern, this.#param), this.#param);
  }

  #normalizeList(value: unknown, at: string, depth: number): Schema[] {
    if (!Array.isArray(value) || value.length === 0) throw this.#wrong(at, "a list of schemas");
    return value.map((item, i) => this.normalize(item, `${at}/${i}`, depth + 1));
  }

  #normalizeTable(
    keyword: string,
    value: unknown,
    at: string,
    depth: number,
  ): Record<string, Schema> {
    if (!isTable(value)) throw this.#wrong(at, "a table of schemas");
    const entries = Object.entries(value).map(([name, item]): [string, Schema] => {
      this.#count("properties", 1);
      this.#count("nameChars", name.length);
      if (keyword === "patternProperties") this.#checkPattern(name);
      return [name, this.normalize(item, `${at}/${escapePointer(name)}`, depth + 1)];
    });
    return Object.fromEntries(entries);
  }

  /** Draft 7 wrote tuples as a list in `items` and their rest as `additionalItems`. */
  #adoptTuples(
    normalized: SchemaObject,
    schema: Record<string, unknown>,
    pointer: string,
    depth: number,
  ): SchemaObject {
    if (Array.isArray(schema.items)) {
      delete normalized.items;
      normalized.prefixItems = this.#normalizeList(schema.items, `${pointer}/items`, depth);
      if (schema.additionalItems !== undefined) {
        normalized.items = this.normalize(
          schema.additionalItems,
          `${pointer}/additionalItems`,
          depth + 1,
        );
      }
    }
    delete normalized.additionalItems;
    return normalized;
  }

  #count(limit: "properties" | "enum" | "nameChars", count: number): void {
    this.#counts[limit] += count;
    if (this.#counts[limit] <= LIMITS[limit]) return;
    throw new InvalidRequestError(
      this.#param,
      `The schema has more than ${LIMITS[limit]} ${
        limit === "nameChars" ? "characters in names" : limit
      }`,
    );
  }

  #wrong(at: string, expected: string): InvalidRequestError {
    return new InvalidRequestError(this.#param, `The schema has at ${at} not ${expected}`);
  }
}

/** Whether an object is a table, not a list. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isJsonWithin(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((item) => isJsonWithin(item, depth - 1));
}

function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
