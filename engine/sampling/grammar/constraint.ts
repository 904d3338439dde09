/**
 * What a request demands of the answer's form → one grammar, and the schemas that the finished parts are checked against.
 *
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import type { ResponseFormat, ToolChoice, ToolDefinition } from "../../types.ts";
import { JsonRules } from "./json_rules.ts";
import {
  chars,
  choice,
  emptyLanguage,
  repeat,
  type Rule,
  RuleSet,
  sequence,
  text,
} from "./rules.ts";
import { normalizeSchema, type Schema } from "./schema.ts";
import { mergeSchemas } from "./schema_merge.ts";
import { SchemaRules } from "./schema_rules.ts";

/** How a family of models writes calls. */
export interface CallSyntax {
  /** Text that begins calls wherever it stands; null where calls are the whole answer. */
  readonly trigger: string | null;
  /** Whether every call has the trigger, or only the list of calls. */
  readonly triggersEach: boolean;
  /** Behind the list's trigger. */
  readonly begin: string;
  /** Before a call's name, which is a JSON string; behind the call's trigger. */
  readonly open: string;
  /** Between name and arguments. */
  readonly middle: string;
  /** Behind the arguments. */
  readonly close: string;
  /** Between calls; null where there can be one only. */
  readonly separator: string | null;
  /** Behind the last call. */
  readonly end: string;
  /** Around an answer without calls, which is then a JSON string; null where it is plain text. */
  readonly message: { readonly begin: string; readonly end: string } | null;
}

/** The parts of a request that constrain its answer. */
export interface ConstraintRequest {
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly responseFormat: ResponseFormat;
}

/** A grammar to follow and what to check afterwards. Plain data: it crosses isolates. */
export interface Constraint {
  /** EBNF. */
  readonly grammar: string;
  /** Schema of the answer's text; null where the text is free. */
  readonly textSchema: Schema | null;
  /** Schema of each tool's arguments, by name. */
  readonly argumentSchemas: Readonly<Record<string, Schema>>;
}

/** Calls of one answer; models that are small repeat themselves. */
const MAX_CALLS = 16;

/** Schemas of all tools together; a hundred real tools stay below half of it. */
const MAX_TOTAL_CHARS = 524_288;

/** What a tool takes that declares nothing. */
const NO_ARGUMENTS: Schema = { type: "object", properties: {}, additionalProperties: false };

/**
 * Builds the constraint of a request.
 *
 * @returns null when any text will do
 * @throws {InvalidRequestError} a schema cannot be enforced, or the demands contradict each other
 */
export function createConstraint(
  request: ConstraintRequest,
  syntax: CallSyntax,
): Constraint | null {
  const { tools, toolChoice, responseFormat } = request;
  const mayCall = toolChoice !== "none" && tools.length > 0;
  const isForced = mayCall && toolChoice !== "auto";
  if (isForced && responseFormat.type !== "text") {
    throw new InvalidRequestError(
      "response_format",
      "A forced tool call leaves no place for a response format; take toolChoice auto or leave the format out",
    );
  }
  if (!mayCall && responseFormat.type === "text") return null;
  const json = new JsonRules(new RuleSet());
  const format = formatRule(json, responseFormat);
  if (!mayCall) return finish(json, format!.rule, format!.schema, {});
  const { rules: calls, argumentSchemas } = callRules(json, request, syntax);
  const root = isForced
    ? calls.all
    : format === null
    ? answerRule(json, calls, syntax, request)
    : choice([calls.all, format.rule]);
  return finish(json, root, format?.schema ?? null, argumentSchemas);
}

function finish(
  json: JsonRules,
  root: Rule,
  textSchema: Schema | null,
  argumentSchemas: Readonly<Record<string, Schema>>,
): Constraint {
  const param = textSchema === null ? "tools" : "response_format";
  return { grammar: json.rules.render(root, param), textSchema, argumentSchemas };
}

function formatRule(
  json: JsonRules,
  format: ResponseFormat,
): { rule: Rule; schema: Schema } | null {
  switch (format.type) {
    case "text":
      return null;
    case "json_object":
      return { rule: json.object, schema: { type: "object" } };
    case "json_schema": {
      const schema = normalizeSchema(format.schema, "response_format");
      const rule = new SchemaRules(json, schema, "response_format").convert(schema.root);
      return { rule: json.rules.share(rule), schema: schema.root };
    }
  }
}

/** Calls with all that stands around them, and what follows a trigger in free text. */
interface CallRules {
  all: Rule;
  triggered: Rule;
}

function callRules(
  json: JsonRules,
  request: ConstraintRequest,
  syntax: CallSyntax,
): { rules: CallRules; argumentSchemas: Record<string, Schema> } {
  const { toolChoice, tools, parallelToolCalls } = request;
  const isNamed = typeof toolChoice === "object";
  const allowed = isNamed ? tools.filter(({ name }) => name === toolChoice.name) : tools;
  checkTotal(allowed);
  const takes = allowed.map((tool) => ({ name: tool.name, ...argumentsRule(json, tool) }));
  const isPossible = json.rules.findPossible();
  const options = takes.map(({ name, rule }) => {
    if (!isPossible(rule)) throw emptyLanguage(argumentsParam(name));
    return sequence(text(JSON.stringify(name) + syntax.middle), rule);
  });
  const { triggersEach, begin, open, close, end } = syntax;
  const trigger = text(syntax.trigger ?? "");
  const body = json.rules.share(sequence(text(open), choice(options), text(close)));
  const call = triggersEach ? sequence(trigger, body) : body;
  // A named function is called once, as OpenAI does it.
  const maxMore = parallelToolCalls && syntax.separator !== null && !isNamed ? MAX_CALLS - 1 : 0;
  const more = repeat(sequence(text(syntax.separator ?? ""), call), 0, maxMore);
  const list = sequence(text(begin), call, more, text(end));
  return {
    rules: triggersEach
      ? { all: list, triggered: body }
      : { all: sequence(trigger, list), triggered: list },
    argumentSchemas: Object.fromEntries(takes.map(({ name, schema }) => [name, schema])),
  };
}

function argumentsRule(
  json: JsonRules,
  { name, parameters }: ToolDefinition,
): { schema: Schema; rule: Rule } {
  const param = argumentsParam(name);
  const normalized = normalizeSchema(parameters ?? {}, param);
  const schema = declaresNothing(normalized.root)
    ? NO_ARGUMENTS
    : mergeSchemas(normalized.root, { type: "object" });
  const rule = json.rules.share(new SchemaRules(json, normalized, param).convert(schema));
  return { schema: schema === NO_ARGUMENTS ? schema : normalized.root, rule };
}

function argumentsParam(name: string): string {
  return `tools.${name}.parameters`;
}

function checkTotal(tools: readonly ToolDefinition[]): void {
  const numChars = tools.reduce(
    (sum, { parameters }) => sum + JSON.stringify(parameters ?? {}).length,
    0,
  );
  if (numChars <= MAX_TOTAL_CHARS) return;
  throw new InvalidRequestError(
    "tools",
    `The tools' schemas have ${numChars} characters together; at most ${MAX_TOTAL_CHARS} are possible`,
  );
}

/** A tool whose parameters say no more than "an object" takes none. */
function declaresNothing(schema: Schema): boolean {
  if (typeof schema === "boolean") return schema;
  const speaking = Object.keys(schema).filter((key) => !NEUTRAL_KEYWORDS.includes(key));
  return speaking.length === 0 && (schema.type === undefined || schema.type === "object");
}

const NEUTRAL_KEYWORDS = ["type", "title", "description", "$comment"];

/** Text in which calls may stand. */
function answerRule(
  json: JsonRules,
  calls: CallRules,
  syntax: CallSyntax,
  request: ConstraintRequest,
): Rule {
  const { trigger, triggersEach, message } = syntax;
  if (message !== null) {
    return choice([calls.all, sequence(text(message.begin), json.string, text(message.end))]);
  }
  if (trigger === null) {
    // Calls are the whole answer and begin with a brace; text begins with anything else.
    const first = chars([[0x09, 0x0a], [0x20, 0x7a], [0x7c, 0x7e]], true);
    const any = chars([[0x00, 0x7f]], true);
    return choice([calls.all, text(""), sequence(first, repeat(any, 0, null))]);
  }
  // Where each call has its trigger, text may stand between calls; where a list has it, the list ends the answer.
  const then = json.rules.reserve();
  json.rules.define(then, calls.triggered);
  return { kind: "triggered", trigger, then, once: !triggersEach || !request.parallelToolCalls };
}
