/**
 * OpenAI's tools, tool choice and response format in the engine's words.
 *
 * @module
 */
import type { ResponseFormat, ToolChoice, ToolDefinition } from "../../engine/mod.ts";
import { badRequest } from "../errors.ts";
import { log } from "../log.ts";
import type { ChatCompletionRequest } from "../schema/chat.ts";

/** The fields of a request that are about tools. */
type ToolFields = Pick<ChatCompletionRequest, "tools" | "tool_choice" | "parallel_tool_calls">;

/** What a generation is told of tools; empty when the model should see none. */
export interface ToolOptions {
  tools?: ToolDefinition[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
}

/**
 * Converts the offered functions and the choice among them; kinds that only OpenAI's own service has are dropped with a warning.
 *
 * @throws {ApiError} 400: two functions of one name, or a choice that names none of them
 */
export function toToolOptions(request: ToolFields): ToolOptions {
  const choice = request.tool_choice ?? "auto";
  const declared = toDefinitions(request.tools ?? []);
  const tools = narrow(declared, choice);
  if (typeof choice === "string") {
    if (choice === "required" && tools.length === 0) throw needsTools("required");
    if (choice === "none" || tools.length === 0) return {};
    return withParallel(request, { tools, toolChoice: choice });
  }
  if (choice.type === "function") {
    const { name } = choice.function;
    if (!tools.some((tool) => tool.name === name)) throw needsTools(name);
    return withParallel(request, { tools, toolChoice: { name } });
  }
  const { mode } = choice.allowed_tools;
  if (tools.length === 0) {
    if (mode === "required") throw needsTools("allowed_tools");
    return {};
  }
  return withParallel(request, { tools, toolChoice: mode });
}

function withParallel(
  { parallel_tool_calls: parallel }: ToolFields,
  options: ToolOptions,
): ToolOptions {
  return typeof parallel === "boolean" ? { ...options, parallelToolCalls: parallel } : options;
}

function needsTools(choice: string) {
  return badRequest(
    "tool_choice",
    `Invalid "tool_choice": ${
      JSON.stringify(choice)
    } asks for a function that "tools" does not declare`,
  );
}

/** The tools that the choice leaves. */
function narrow(
  tools: ToolDefinition[],
  choice: NonNullable<ChatCompletionRequest["tool_choice"]>,
): ToolDefinition[] {
  if (typeof choice === "string" || choice.type !== "allowed_tools") return tools;
  const names = choice.allowed_tools.tools.map((tool) => tool.function?.name);
  return tools.filter(({ name }) => names.includes(name));
}

function toDefinitions(declared: NonNullable<ChatCompletionRequest["tools"]>): ToolDefinition[] {
  const tools = new Map<string, ToolDefinition>();
  for (const [i, { type, function: own }] of declared.entries()) {
    if (type === "function" && !own) {
      throw badRequest(
        `tools[${i}].function`,
        `Invalid "tools[${i}].function": it is required`,
        "missing_required_parameter",
      );
    }
    if (type !== "function" || !own) {
      log.warning("Ignored a tool of type {type}: only functions are supported", { type });
      continue;
    }
    if (tools.has(own.name)) {
      throw badRequest(
        `tools[${i}].function.name`,
        `Invalid "tools[${i}].function.name": "${own.name}" is declared twice`,
      );
    }
    tools.set(own.name, {
      name: own.name,
      ...(own.description ? { description: own.description } : {}),
      ...(own.parameters ? { parameters: own.parameters } : {}),
    });
  }
  return [...tools.values()];
}

/**
 * Converts the response format; plain text is the absence of one.
 *
 * @throws {ApiError} 400: a json_schema without a schema
 */
export function toResponseFormat(
  format: ChatCompletionRequest["response_format"],
): ResponseFormat | undefined {
  if (!format || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  const { schema } = format.json_schema;
  if (!schema) {
    throw badRequest(
      "response_format.json_schema.schema",
      'Invalid "response_format.json_schema.schema": a JSON schema is needed',
      "missing_required_parameter",
    );
  }
  return { type: "json_schema", schema };
}
