import assert from "node:assert/strict";
import { findJsonFault } from "../../../engine/formats/json_shape.ts";

for (
  const text of [
    "",
    "{}",
    "[".repeat(64) + "]".repeat(64),
    JSON.stringify({ text: "[".repeat(100) + '"\\' + "{".repeat(100) }),
    JSON.stringify(["\\", "[".repeat(100)]),
    `[${'["a","b"],'.repeat(200_000)}0]`, // the merges of a tokenizer
    "[],".repeat(1000),
    '"without end [[[',
    "]]]]",
  ]
) {
  Deno.test(`findJsonFault() lets ${text.slice(0, 30)} of ${text.length} through`, () => {
    assert.equal(findJsonFault(text), null);
  });
}

for (
  const [text, fault] of [
    ["[".repeat(65), "it nests deeper than 64"],
    ['{"a":'.repeat(65), "it nests deeper than 64"],
    ['["\\\\", ' + "[".repeat(64), "it nests deeper than 64"],
    ["[],".repeat(40_000), "it has more than 31384 objects and lists"],
  ] as const
) {
  Deno.test(`findJsonFault() refuses ${text.slice(0, 30)} of ${text.length}`, () => {
    assert.equal(findJsonFault(text), fault);
  });
}

Deno.test("findJsonFault() looks at 16 MB in little time", () => {
  const text = "[" + '"abc\\"def", '.repeat(1_400_000) + "0]";
  const started = performance.now();
  assert.equal(findJsonFault(text), null);
  assert.ok(performance.now() - started < 2000);
});
