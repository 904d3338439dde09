/**
 * Hermes and Qwen: each call is an object in tags, and text may stand around them.
 *
 * @see https://github.com/NousResearch/Hermes-Function-Calling
 * @module
 */
import { MarkedCallParser } from "./marked_parser.ts";
import type { ToolFormat } from "./tool_format.ts";

/** `<tool_call>\n{"name": "f", "arguments": {…}}\n</tool_call>`. */
export const HERMES: ToolFormat = {
  name: "hermes",
  syntax: {
    trigger: "<tool_call>",
    triggersEach: true,
    begin: "",
    open: '\n{"name": ',
    middle: ', "arguments": ',
    close: "}\n</tool_call>",
    separator: "\n",
    end: "",
    message: null,
  },
  markers: ["<tool_call>", "</tool_call>"],
  describe: null,
  createParser: (names) =>
    new MarkedCallParser({ open: "<tool_call>", close: "</tool_call>" }, names),
};
