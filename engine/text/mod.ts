/**
 * Text ↔ tokens of one model: chat template, tokenizer, detokenizer. Never sees logits, weights or a request's settings.
 *
 * @module
 */
export type { Detokenizer } from "./detokenizer.ts";
export { StopMatcher } from "./stop_matcher.ts";
export { ReasoningSplitter, THINK_OPEN } from "./reasoning.ts";
export { loadTextModel, type TextModel } from "./text_model.ts";
export type { AnswerPart, ToolCallParser, ToolFormat } from "./tool_calls/mod.ts";
