/** Asks questions through the engine; several at a time, greedily. */

import {
  type ChatMessage,
  createEngine,
  type Generation,
  type ToolDefinition,
} from "../../engine/mod.ts";
import type { FunctionTool, Question, QuestionMessage } from "./questions.ts";

const MAX_TOKENS = 160;
const AT_ONCE = 8;

/** The model's answer to each question, by the question's id. */
export async function ask(
  model: string,
  questions: Question[],
  functions: Record<string, FunctionTool>,
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const waiting = questions.values();
  const engine = createEngine();
  async function answerSome(): Promise<void> {
    for (const question of waiting) {
      const tools = question.tools?.map((name) => toTool(functions[name]!));
      const generation = await engine.generate({
        model,
        messages: question.messages.map(toMessage),
        ...(tools === undefined ? {} : { tools }),
        sampling: { temperature: 0 },
        maxTokens: MAX_TOKENS,
      });
      answers.set(question.id, await readText(generation));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, answerSome));
  await engine.close();
  return answers;
}

function toTool(tool: FunctionTool): ToolDefinition {
  return tool.function;
}

function toMessage(message: QuestionMessage): ChatMessage {
  const { role, content, tool_calls } = message;
  if (tool_calls === undefined) return { role, content };
  const toolCalls = tool_calls.map((call, i) => ({
    id: `call_${i}`,
    name: call.function.name,
    arguments: JSON.stringify(call.function.arguments),
  }));
  return { role, content, toolCalls };
}

/** The answer as the model writes it, calls included: what score.ts reads. */
async function readText(generation: Generation): Promise<string> {
  let text = "";
  const calls: { name: string; arguments: string }[] = [];
  for await (const event of generation) {
    if (event.type === "text") text += event.text;
    if (event.type === "tool_call") calls[event.index] = { name: event.name, arguments: "" };
    if (event.type === "tool_call_arguments") calls[event.index]!.arguments += event.text;
    // An answer that never ends is a wrong answer.
    if (event.type === "finish" && event.reason === "length") return "";
  }
  const written = calls.map(({ name, arguments: own }) =>
    `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${own}}\n</tool_call>`
  );
  return text + written.join("\n");
}
