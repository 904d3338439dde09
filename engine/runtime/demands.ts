/**
 * What a request demands of its answer: which functions may be called, whether one must be, and which form the text has.
 *
 * @module
 */
import { InvalidRequestError } from "../errors.ts";
import { type Constraint, createConstraint } from "../sampling/grammar/mod.ts";
import { type TextModel, THINK_OPEN } from "../text/mod.ts";
import type { ChatMessage, GenerationRequest, ToolChoice, ToolDefinition } from "../types.ts";
import type { AnswerOptions } from "./answer.ts";

/** Functions of a request, as OpenAI bounds them. */
const MAX_TOOLS = 128;

/** The parts of a request that concern tools, with defaults applied. */
export interface ToolDemands {
  /** Empty where none may be called. */
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: ToolChoice;
}

/**
 * Applies the defaults of tools and tool choice.
 *
 * @throws {InvalidRequestError} they contradict each other, or a name is wrong
 */
export function resolveTools(
  { tools = [], toolChoice, prompt }: Pick<GenerationRequest, "tools" | "toolChoice" | "prompt">,
): ToolDemands {
  checkTools(tools);
  const choice = toolChoice ?? (tools.length > 0 ? "auto" : "none");
  if (tools.length === 0 && choice !== "none" && choice !== "auto") {
    throw new InvalidRequestError("tool_choice", "A call is demanded, but there are no tools");
  }
  if (typeof choice === "object" && !tools.some(({ name }) => name === choice.name)) {
    throw new InvalidRequestError(
      "tool_choice",
      `The function "${choice.name}" is demanded, but is none of the tools`,
    );
  }
  if (choice === "none" || tools.length === 0) return { tools: [], toolChoice: "none" };
  if (prompt !== undefined) {
    throw new InvalidRequestError("tools", "Tools need messages: a raw prompt cannot show them");
  }
  return { tools, toolChoice: choice };
}

function checkTools(tools: readonly ToolDefinition[]): void {
  if (tools.length > MAX_TOOLS) {
    throw new InvalidRequestError(
      "tools",
      `${tools.length} tools were given; at most ${MAX_TOOLS} are possible`,
    );
  }
  const names = new Set<string>();
  for (const { name } of tools) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
      throw new InvalidRequestError(
        "tools",
        `The tool name ${JSON.stringify(name)} is not 1 to 64 of A-Z, a-z, 0-9, _ and -`,
      );
    }
    if (names.has(name)) {
      throw new InvalidRequestError("tools", `The tool name "${name}" is given twice`);
    }
    names.add(name);
  }
}

/** The grammar that the answer must follow; null where any text will do. */
export function constrain(request: GenerationRequest, text: TextModel): Constraint | null {
  return createConstraint({
    ...resolveTools(request),
    parallelToolCalls: request.parallelToolCalls ?? true,
    responseFormat: request.responseFormat ?? { type: "text" },
  }, text.toolFormat.syntax);
}

/**
 * Renders messages with their tools, each in the way that the model knows.
 *
 * @throws {InvalidRequestError} see `TextModel.encodeChat`
 */
export function encodeMessages(
  messages: readonly ChatMessage[],
  { tools, toolChoice }: ToolDemands,
  text: TextModel,
): number[] {
  const { describe } = text.toolFormat;
  const hasCalls = messages.some(({ role, toolCalls }) => role === "tool" || toolCalls?.length);
  return describe !== null && (tools.length > 0 || hasCalls)
    ? text.encodeChat(describe(messages, tools, toolChoice))
    : text.encodeChat(messages, tools);
}

/** What is read out of the answer to a request. Raw prompts get raw text. */
export function answerOptions(
  request: GenerationRequest,
  promptTokens: readonly number[],
  text: TextModel,
): Omit<AnswerOptions, "stop"> {
  const { tools, toolChoice } = resolveTools(request);
  const isChat = request.messages !== undefined;
  return {
    reasoning: !isChat || !text.thinks
      ? "none"
      : endsInReasoning(promptTokens, text)
      ? "open"
      : "possible",
    toolNames: tools.length === 0 ? null : new Set(tools.map(({ name }) => name)),
    mustCall: toolChoice !== "auto" && toolChoice !== "none",
  };
}

/** Some templates open the reasoning themselves: `<think>` and white space end the prompt. */
function endsInReasoning(promptTokens: readonly number[], text: TextModel): boolean {
  const tail = promptTokens.slice(-2 * THINK_OPEN.length)
    .flatMap((token) => [...text.markedTokenBytes(token)]);
  return new TextDecoder().decode(Uint8Array.from(tail)).trimEnd().endsWith(THINK_OPEN);
}
