/**
 * Function calls in text, one file a family.
 *
 * @module
 */
import { HERMES } from "./hermes.ts";
import { JSON_ANSWER } from "./json_answer.ts";
import { LLAMA3 } from "./llama3.ts";
import { MISTRAL } from "./mistral.ts";
import type { ToolFormat } from "./tool_format.ts";

export { describeTools } from "./json_answer.ts";
export type { AnswerPart, ToolCallParser, ToolCallSyntax, ToolFormat } from "./tool_format.ts";

/**
 * The family of a chat template, by the words that it teaches the model.
 *
 * @param templateSource the template's own text; null without one
 * @param hasTools whether the template has a place for tools
 */
export function chooseToolFormat(templateSource: string | null, hasTools: boolean): ToolFormat {
  if (templateSource === null || !hasTools) return JSON_ANSWER;
  if (templateSource.includes("[TOOL_CALLS]")) return MISTRAL;
  if (templateSource.includes("<tool_call>")) return HERMES;
  if (templateSource.includes("<|start_header_id|>") || templateSource.includes("<|python_tag|>")) {
    return LLAMA3;
  }
  return HERMES;
}
