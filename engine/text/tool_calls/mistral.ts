/**
 * Mistral: one marker, then a list of calls that ends the answer.
 *
 * @see https://docs.mistral.ai/capabilities/function_calling/
 * @module
 */
import { MarkedCallParser } from "./marked_parser.ts";
import type { ToolFormat } from "./tool_format.ts";

/** `[TOOL_CALLS] [{"name": "f", "arguments": {…}}]`. */
export const MISTRAL: ToolFormat = {
  name: "mistral",
  syntax: {
    trigger: "[TOOL_CALLS]",
    triggersEach: false,
    begin: " [",
    open: '{"name": ',
    middle: ', "arguments": ',
    close: "}",
    separator: ", ",
    end: "]",
    message: null,
  },
  markers: ["[TOOL_CALLS]"],
  describe: null,
  createParser: (names) => new MarkedCallParser({ open: "[TOOL_CALLS]", close: null }, names),
};
