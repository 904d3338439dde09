import assert from "node:assert/strict";
import { hasNestedQuantifier } from "../../../engine/text/pattern_check.ts";
import { loadTextFixture } from "../../support/text_model.ts";
import { byteLevelTokenizer } from "../../support/tokenizer.ts";

const PUBLISHED: [name: string, pattern: string][] = [
  ["GPT-2", String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`],
  [
    "Llama 3",
    String
      .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  [
    "o200k",
    String
      .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  [
    "possessive cl100k",
    String
      .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
  ],
  [
    "DeepSeek",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ["nested classes", String.raw`[\p{L}&&[^\p{Han}]]+|[\p{Han}]+`],
];

for (const [name, pattern] of PUBLISHED) {
  Deno.test(`hasNestedQuantifier() lets the pattern of ${name} through`, () => {
    assert.equal(hasNestedQuantifier(pattern), false);
  });
}

for (
  const pattern of [
    "(a+)+",
    "(a*)*b",
    "(?:a+)+$",
    "(?:x|(a+))*",
    "(a+?)+",
    "((a+)b?)*",
    "(a{2,})+",
    "(a{1,99}){5,}",
    String.raw`(?:\p{L}+ ?)+`,
    "([(]a+)+",
    "(?i:a+|b)*",
  ]
) {
  Deno.test(`hasNestedQuantifier() finds ${pattern}`, () => {
    assert.equal(hasNestedQuantifier(pattern), true);
  });
}

for (
  const pattern of [
    "",
    "a+",
    "(a+)?",
    "(ab)+",
    "(a{1,3})+",
    "a+b+",
    "[(a+)+]",
    String.raw`\(a+\)+`,
    ")+",
    "(",
    "[",
  ]
) {
  Deno.test(`hasNestedQuantifier() lets ${JSON.stringify(pattern)} through`, () => {
    assert.equal(hasNestedQuantifier(pattern), false);
  });
}

Deno.test("loadTextModel() refuses a pattern that may never end", async () => {
  for (const part of ["normalizer", "pre_tokenizer"]) {
    const tokenizer = {
      ...byteLevelTokenizer(),
      [part]: { type: "Sequence", deep: [{ pattern: { Regex: "(a+)+b" } }] },
    };
    await assert.rejects(
      loadTextFixture({ tokenizer }),
      new RegExp(`a pattern of its ${part} repeats a repetition and may never end`),
    );
  }
});
