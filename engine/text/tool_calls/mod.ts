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

export type { AnswerPart, ToolCallParser, ToolCallSyntax, ToolFormat } from "./tool_format.ts";

/**
 * The family of a chat template, by the words that it teaches the model.
 *
 * @param template null where the model has none
 */
export function chooseToolFormat(
  template: { readonly source: string; readonly acceptsTools: boolean } | null,
): ToolFormat {
  if (!template?.acceptsTools) return JSON_ANSWER;
  const teaches = (literal: string) => template.source.includes(literal);
  if (teaches("[TOOL_CALLS]")) return MISTRAL;
  if (teaches("<tool_call>")) return HERMES;
  return teaches("<|start_header_id|>") || teaches("<|python_tag|>") ? LLAMA3 : HERMES;
}
