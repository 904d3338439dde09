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

/**
 * A union fails with one list of issues an option. What an option says counts where the value is of its kind and fits it better than
 * all others of its kind; else the union speaks.
 */
function innermost(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const options = issue.errors.filter((issues) => !issues.some(isOtherKind))
    .sort(compareFit);
  const [best, second] = options;
  if (best?.[0] === undefined || (second && compareFit(best, second) === 0)) return issue;
  return innermost({ ...best[0], path: [...issue.path, ...best[0].path] } as Issue);
}

/** Fewer faults fit better, and of as many those that come later. */
function compareFit(a: readonly Issue[], b: readonly Issue[]): number {
  return a.length - b.length || firstIndex(b) - firstIndex(a);
}

function firstIndex([issue]: readonly Issue[]): number {
  const first = issue?.path[0];
  return typeof first === "number" ? first : 0;
}

/** Whether the whole value is of another kind than an option takes. */
function isOtherKind({ code, path }: Issue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

function codeOf(issue: Issue): string {
  if (issue.code !== "invalid_type") return "invalid_value";
  return /received undefined/.test(issue.message) ? "missing_required_parameter" : "invalid_type";
}

/** Zod's own words without their label: `expected number, received string`. */
function wording(issue: Issue): string {
  if (codeOf(issue) === "missing_required_parameter") return "it is required";
  const { message } = issue.code === "invalid_key" ? issue.issues[0] ?? issue : issue;
  const text = message.replace(/^(?:Invalid input|Too big|Too small|Invalid option): /, "");
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
