/**
 * What a request says about functions: for the engine, and as the response repeats it.
 *
 * @module
 */
import type { GenerationRequest, ToolChoice, ToolDefinition } from "../../../engine/mod.ts";
import { badRequest } from "../../errors.ts";
import { log } from "../../log.ts";
import { parseOpenAi } from "../../schema/parse.ts";
import { FunctionToolParam, type PromptRequest } from "../../schema/responses.ts";
import type { FunctionTool, ResponseToolChoice } from "./response.ts";

/** Both views of a request's functions. */
export interface ToolPlan {
  /** For the engine; empty where the model should see none. */
  generation: Pick<GenerationRequest, "tools" | "toolChoice" | "parallelToolCalls">;
  /** For the response. */
  echo: {
    tools: FunctionTool[];
    tool_choice: ResponseToolChoice;
    parallel_tool_calls: boolean;
  };
}

/**
 * Reads tools and choice. Kinds that only OpenAI's own service has are dropped with a warning.
 *
 * @throws {ApiError} 400: a bad function, or a choice that no function can satisfy
 */
export function planTools(request: PromptRequest): ToolPlan {
  const tools = toFunctionTools(request.tools ?? []);
  const choice = toToolChoice(request.tool_choice ?? null, tools);
  const isParallel = request.parallel_tool_calls ?? true;
  const offered = offeredTools(tools, choice);
  return {
    generation: offered.length === 0 ? {} : {
      tools: offered.map(toDefinition),
      toolChoice: toEngineChoice(choice),
      ...(isParallel ? {} : { parallelToolCalls: false }),
    },
    echo: { tools, tool_choice: choice, parallel_tool_calls: isParallel },
  };
}

function toFunctionTools(params: NonNullable<PromptRequest["tools"]>): FunctionTool[] {
  const tools: FunctionTool[] = [];
  for (const [i, param] of params.entries()) {
    if (param.type !== "function") {
      log.warning("Ignored a tool of type {type}: only functions are supported", {
        type: param.type.slice(0, 64),
      });
      continue;
    }
    const { name, description, parameters, strict } = parseOpenAi(FunctionToolParam, param, [
      "tools",
      i,
    ]);
    if (tools.some((tool) => tool.name === name)) {
      throw badRequest(`tools[${i}].name`, `Invalid "tools[${i}].name": ${name} is declared twice`);
    }
    tools.push({
      type: "function",
      name,
      description: description ?? null,
      parameters: parameters ?? null,
      strict: strict ?? true,
    });
  }
  return tools;
}

function toToolChoice(
  param: PromptRequest["tool_choice"] | null,
  tools: FunctionTool[],
): ResponseToolChoice {
  if (param === null || param === undefined) return tools.length > 0 ? "auto" : "none";
  if (typeof param === "string") return toChoiceWord(param, tools);
  if (param.type === "function") return { type: "function", name: nameOf(param, tools) };
  if (param.type === "allowed_tools") return toAllowedTools(param, tools);
  log.warning("Ignored a tool_choice of type {type}: only functions are supported", {
    type: param.type.slice(0, 64),
  });
  return "auto";
}

function toChoiceWord(text: string, tools: FunctionTool[]): ResponseToolChoice {
  const word = text.trim().toLowerCase();
  if (word === "auto" || word === "none") return word;
  if (word === "required" && tools.length > 0) return word;
  throw badRequest(
    "tool_choice",
    word === "required"
      ? 'Invalid "tool_choice": "required" needs a function among "tools"'
      : 'Invalid "tool_choice": expected "none", "auto", "required" or an object',
  );
}

function toAllowedTools(param: Record<string, unknown>, tools: FunctionTool[]): ResponseToolChoice {
  const { mode, tools: allowed } = param;
  if (mode !== "auto" && mode !== "required") {
    throw badRequest(
      "tool_choice.mode",
      'Invalid "tool_choice.mode": expected "auto" or "required"',
    );
  }
  if (!Array.isArray(allowed)) {
    throw badRequest("tool_choice.tools", 'Invalid "tool_choice.tools": expected an array');
  }
  const functions = allowed.filter((tool) => tool?.type === "function");
  const names = functions.map((tool) => nameOf(tool, tools));
  if (mode === "required" && names.length === 0) {
    throw badRequest("tool_choice.tools", 'Invalid "tool_choice.tools": it names no function');
  }
  return {
    type: "allowed_tools",
    mode,
    tools: names.map((name) => ({ type: "function", name })),
  };
}

function nameOf({ name }: Record<string, unknown>, tools: FunctionTool[]): string {
  const found = tools.find((tool) => tool.name === name);
  if (found) return found.name;
  throw badRequest(
    "tool_choice",
    `Invalid "tool_choice": it names ${
      (JSON.stringify(name) ?? "nothing").slice(0, 80)
    }, which is not a function among "tools"`,
  );
}

/** The functions that the choice leaves. */
function offeredTools(tools: FunctionTool[], choice: ResponseToolChoice): FunctionTool[] {
  if (choice === "none") return [];
  if (typeof choice === "string" || choice.type === "function") return tools;
  const names = new Set(choice.tools.map(({ name }) => name));
  return tools.filter(({ name }) => names.has(name));
}

function toEngineChoice(choice: ResponseToolChoice): ToolChoice {
  if (typeof choice === "string") return choice;
  return choice.type === "function" ? { name: choice.name } : choice.mode;
}

function toDefinition({ name, description, parameters }: FunctionTool): ToolDefinition {
  return {
    name,
    ...(description === null ? {} : { description }),
    ...(parameters === null ? {} : { parameters }),
  };
}
