/**
 * Checks finished values against their schemas: the keywords that a grammar cannot express, and the grammar itself.
 *
 * @module
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Constraint } from "./constraint.ts";
import { compilePattern } from "./pattern_match.ts";
import { parsePattern } from "./pattern.ts";
import type { Schema } from "./schema.ts";

/**
 * Prepares the checks of a constraint; each schema is compiled when it is first needed.
 *
 * @returns what is wrong with a tool's arguments, or with the text where the tool is null; null when nothing is
 */
export function createSchemaChecker(
  { textSchema, argumentSchemas }: Constraint,
): (tool: string | null, text: string) => string | null {
  const checks = new Map<string | null, ValidateFunction>();
  return (tool, text) => {
    const schema = tool === null ? textSchema : argumentSchemas[tool] ?? null;
    if (schema === null) return null;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return `it is not JSON: ${(error as Error).message}`;
    }
    const check = checks.get(tool) ?? compileSchema(schema);
    checks.set(tool, check);
    if (check(value)) return null;
    const [first] = check.errors ?? [];
    return `${first?.instancePath || "the value"} ${first?.message ?? "is wrong"}`;
  };
}

function compileSchema(schema: Schema): ValidateFunction {
  const regExp = Object.assign(
    (source: string) => ({
      test: compilePattern(parsePattern(source, "pattern"), "pattern"),
      toString: () => source, // the library takes it for the pattern's identity
    }),
    { code: "new RegExp" },
  );
  const ajv = new Ajv2020({
    strict: false,
    validateSchema: false,
    validateFormats: false,
    logger: false,
    multipleOfPrecision: 9,
    code: { regExp }, // patterns never reach the engine of JavaScript
  });
  return ajv.compile(schema);
}
