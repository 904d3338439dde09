/**
 * One schema that says what two say: for `allOf`, and for keywords beside `$ref` and `anyOf`. Where two cannot be put into one, the
 * first is kept; the finished value is checked against both.
 *
 * @module
 */
import { formatJson } from "./json_rules.ts";
import type { Schema, SchemaObject } from "./schema.ts";

/** Both at once. */
export function mergeSchemas(a: Schema, b: Schema): Schema {
  if (typeof a === "boolean") return a ? b : false;
  if (typeof b === "boolean") return b ? a : false;
  const merged: SchemaObject = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    merged[keyword] = merged[keyword] === undefined
      ? value
      : mergeKeyword(keyword, merged[keyword], value);
  }
  const enumA = valuesOf(a);
  const enumB = valuesOf(b);
  if (enumA && enumB) {
    const known = new Set(enumB.map(formatJson));
    merged.enum = enumA.filter((value) => known.has(formatJson(value)));
    delete merged.const;
  }
  if (a.properties || b.properties) merged.properties = mergeProperties(a, b);
  if (merged.type !== undefined && [merged.type].flat().length === 0) return false;
  return merged;
}

/** Values of `const` or `enum`; null where neither stands. */
export function valuesOf(schema: SchemaObject): unknown[] | null {
  if ("const" in schema) return [schema.const];
  return schema.enum ?? null;
}

function mergeKeyword(keyword: string, a: unknown, b: unknown): unknown {
  switch (keyword) {
    case "type":
      return mergeTypes([a as string].flat(), [b as string].flat());
    case "required":
      return [...new Set([...a as string[], ...b as string[]])];
    case "additionalProperties":
    case "items":
      return mergeSchemas(a as Schema, b as Schema);
    case "minimum":
    case "exclusiveMinimum":
    case "minLength":
    case "minItems":
    case "minProperties":
      return Math.max(a as number, b as number);
    case "maximum":
    case "exclusiveMaximum":
    case "maxLength":
    case "maxItems":
    case "maxProperties":
      return Math.min(a as number, b as number);
    default:
      return a;
  }
}

function mergeTypes(a: readonly string[], b: readonly string[]): string[] {
  const narrow = (types: readonly string[], others: readonly string[]) =>
    types.filter((type) =>
      others.includes(type) || (type === "integer" && others.includes("number"))
    );
  return [...new Set([...narrow(a, b), ...narrow(b, a)])];
}

/** A property that one side names and the other side shuts out is shut out. */
function mergeProperties(a: SchemaObject, b: SchemaObject): Record<string, Schema> {
  const names = new Set([...Object.keys(a.properties ?? {}), ...Object.keys(b.properties ?? {})]);
  const read = ({ properties, additionalProperties }: SchemaObject, name: string): Schema =>
    properties !== undefined && Object.hasOwn(properties, name)
      ? properties[name]!
      : additionalProperties ?? true;
  return Object.fromEntries(
    [...names].map((name) => [name, mergeSchemas(read(a, name), read(b, name))]),
  );
}
