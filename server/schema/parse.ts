/**
 * Checks a body against its schema and words what is wrong for its family: OpenAI's `param`, or the native list.
 *
 * @module
 */
import type { z } from "zod";
import { ApiError, type ValidationIssue } from "../errors.ts";

type Issue = z.core.$ZodIssue;

/**
 * Checks the body of an OpenAI route, or the part of it that lies at `at`. Unknown fields are dropped.
 *
 * @throws {ApiError} 400 with the first finding and its `param`
 */
export function parseOpenAi<S extends z.ZodType>(
  schema: S,
  body: unknown,
  at: PropertyKey[] = [],
): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = innermost(result.error.issues[0]!);
  const param = toParam([...at, ...issue.path]);
  throw new ApiError(400, `Invalid "${param}": ${wording(issue)}`, { param, code: codeOf(issue) });
}

/**
 * Checks the body of a native route, whose schemas refuse unknown fields.
 *
 * @throws {ApiError} 422 with every finding
 */
export function parseNative<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  return parseStrictly(schema, body, "body");
}

/**
 * Checks the query of a native route.
 *
 * @throws {ApiError} 422 with every finding
 */
export function parseQuery<S extends z.ZodType>(
  schema: S,
  query: Record<string, string>,
): z.output<S> {
  return parseStrictly(schema, query, "query");
}

function parseStrictly<S extends z.ZodType>(
  schema: S,
  value: unknown,
  place: "body" | "query",
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap((issue) => toValidationIssues(issue, place));
  throw new ApiError(422, `The ${place} does not match the schema`, {
    issues,
    code: `invalid_${place}`,
  });
}

function toValidationIssues(issue: Issue, place: string): ValidationIssue[] {
  const at = [place, ...issue.path.map((part) => typeof part === "symbol" ? String(part) : part)];
  if (issue.code !== "unrecognized_keys") {
    return [{ type: codeOf(issue), loc: at, msg: wording(issue) }];
  }
  return issue.keys.map((key) => ({
    type: "extra_forbidden",
    loc: [...at, key.slice(0, 100)],
    msg: "unknown field",
  }));
}

/** A union fails with one list of issues an option; the option that got furthest says most. */
function innermost(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const nested = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
  if (nested === undefined || nested.path.length === 0) return issue;
  return innermost({ ...nested, path: [...issue.path, ...nested.path] } as Issue);
}

function codeOf(issue: Issue): string {
  if (issue.code !== "invalid_type") return "invalid_value";
  return /received undefined/.test(issue.message) ? "missing_required_parameter" : "invalid_type";
}

/** Zod's own words without their label: `expected number, received string`. */
function wording(issue: Issue): string {
  if (codeOf(issue) === "missing_required_parameter") return "it is required";
  const text = issue.message.replace(/^(?:Invalid input|Too big|Too small|Invalid option): /, "");
  return text.slice(0, 300);
}

/** `["messages", 0, "content"]` → `messages[0].content`. */
function toParam(path: PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === "number"
        ? `${text}[${part}]`
        : text
        ? `${text}.${String(part)}`
        : String(part),
    "",
  ).slice(0, 200);
}
