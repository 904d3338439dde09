/**
 * Readers of answers see every token of every stream: what a model writes without end may not cost more with each token.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ReasoningSplitter } from "../../../engine/text/reasoning.ts";
import { StopMatcher } from "../../../engine/text/stop_matcher.ts";
import { HERMES } from "../../../engine/text/tool_calls/hermes.ts";
import { JSON_ANSWER } from "../../../engine/text/tool_calls/json_answer.ts";
import { LLAMA3 } from "../../../engine/text/tool_calls/llama3.ts";
import { MISTRAL } from "../../../engine/text/tool_calls/mistral.ts";

/** Quadratic time on so many pieces takes many seconds. */
const NUM_PIECES = 50_000;
const MAX_MS = 1500;

interface Reader {
  push(text: string): unknown;
  flush(): unknown;
}

const READERS: Record<string, () => Reader> = {
  "ReasoningSplitter before it begins": () => new ReasoningSplitter(false),
  "ReasoningSplitter inside": () => new ReasoningSplitter(true),
  "StopMatcher": () => new StopMatcher(["\n\nUser:", "    x"]),
};
for (const format of [HERMES, JSON_ANSWER, LLAMA3, MISTRAL]) {
  READERS[`ToolCallParser of ${format.name}`] = () => format.createParser(new Set(["f"]));
}

const FLOODS: Record<string, string> = {
  "white space": " \n  ",
  "words": "word",
  "braces": "{ { ",
  "half tags": "</th",
};

for (const [name, create] of Object.entries(READERS)) {
  Deno.test(`${name} takes time linear in what comes without end`, () => {
    for (const [kind, piece] of Object.entries(FLOODS)) {
      const reader = create();
      const start = performance.now();
      for (let i = 0; i < NUM_PIECES; i++) reader.push(piece);
      reader.flush();
      const ms = performance.now() - start;
      assert.ok(ms < MAX_MS, `${NUM_PIECES} pieces of ${kind} took ${ms} ms`);
    }
  });
}

Deno.test("ReasoningSplitter keeps the white space that it waited with", () => {
  const splitter = new ReasoningSplitter(false);
  const pieces = ["  ", "\n", "", "an", "swer ", " "];
  assert.deepEqual(pieces.flatMap((piece) => splitter.push(piece)), [
    { type: "answer", text: "  \nan" },
    { type: "answer", text: "swer " },
    { type: "answer", text: " " },
  ]);
  assert.deepEqual(splitter.flush(), []);
});
