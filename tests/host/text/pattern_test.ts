import assert from "node:assert/strict";
import { TextLimitError } from "../../../engine/text/limit_error.ts";
import { Pattern } from "../../../engine/text/pattern/pattern.ts";
import { createRandom } from "../../support/random.ts";
import { loadTextFixture } from "../../support/text_model.ts";
import { byteLevelTokenizer } from "../../support/tokenizer.ts";
import { createTexts } from "../../support/unicode_texts.ts";

/** Patterns of published tokenizers, in a spelling that JavaScript's engine reads the same way. */
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
      .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ],
  [
    "DeepSeek",
    "[!\"#$%&'()*+,\\-.\\/:;<=>?@\\[\\\\\\]^_`\\{\\|\\}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ["DeepSeek's scripts", "[一-龥぀-ゟ゠-ヿ]+"],
];

for (const [name, source] of PUBLISHED) {
  Deno.test(`Pattern.findAll() finds what backtracking finds: ${name}`, () => {
    const pattern = new Pattern(source);
    const reference = new RegExp(source, "gu");
    for (const text of createTexts(7, 1500)) {
      // White space of JavaScript and of Unicode differ in these two.
      const plain = text.replace(/[\ufeff\x85]/g, "");
      assert.deepEqual(
        pattern.findAll(plain).map(([start, end]) => plain.slice(start, end)),
        [...plain.matchAll(reference)].map(([match]) => match),
        JSON.stringify(plain),
      );
    }
  });
}

/** Pattern, text, what it finds. */
const MATCHES: [pattern: string, text: string, found: string[]][] = [
  ["a|ab", "ab", ["a"]],
  ["ab|a", "ab", ["ab"]],
  ["a*", "aa", ["aa"]],
  ["a*", "baa", ["", "aa"]],
  ["a+?b?", "aab", ["a", "ab"]],
  ["(a|b)*c", "abac", ["abac"]],
  ["(?:a{2}){1,2}", "aaaaa", ["aaaa"]],
  ["a{,2}", "aaa", ["aa", "a"]],
  ["{a}", "{a}", ["{a}"]],
  ["[^a-c]", "abcd", ["d"]],
  ["[]a]+", "a]b", ["a]"]],
  ["[a-z&&[^aeiou]]+", "abcde", ["bcd"]],
  ["[^(\\s|[.,])]+", "ab c|d.e", ["ab", "c", "d", "e"]],
  ["[[:digit:][:^alpha:]]+", "a1 b", ["1 "]],
  ["\\x41\\u0042\\x{1F600}", "AB😀", ["AB😀"]],
  ["\\h+", "xAFg", ["AF"]],
  [".", "a\n😀", ["a", "😀"]],
  ["\\p{^L}", "a1", ["1"]],
  ["\\p{Han}+", "x日本y", ["日本"]],
  ["(?i:'S)", "'s 'ſ", ["'s", "'ſ"]],
  ["(?i:[a-c]+)", "aBCd", ["aBC"]],
  ["\\s+(?!\\S)|\\s+", "  a  ", [" ", " ", "  "]],
  ["a(?=b)", "abac", ["a"]],
  ["a(?=b|c)", "abacad", ["a", "a"]],
  ["\\s++$|\\s", " \n x  ", [" ", "\n", " ", "  "]],
  ["a?+a", "a aa", ["aa"]],
  ["\\s$", "a \nb ", [" ", " "]],
  ["\\s\\z", "a \nb ", [" "]],
  ["\\p{N}{1,3}+", "1234567", ["1234567"]], // Ruby's syntax: a repeated repetition
  ["(a*)*b", "aab", ["aab"]],
];

for (const [source, text, found] of MATCHES) {
  Deno.test(`Pattern.findAll() reads ${source} in ${JSON.stringify(text)}`, () => {
    const ranges = new Pattern(source).findAll(text);
    assert.deepEqual(ranges.map(([start, end]) => text.slice(start, end)), found);
  });
}

const NOT_READ = [
  ...[
    "(a)\\1",
    "(?<=a)b",
    "(?<!a)b",
    "(?>a+)b",
    "(?<n>a)",
    "(?=ab)c",
    "(?m)a",
    "^a",
    "\\ba",
    "\\Ga",
  ],
  ...["(", ")", "[", "[a", "a{5,2}", "a{1001}", "*a", "a\\", "\\p{L", "\\p{Nonsense}", "\\p{L=x}"],
  ...["[z-a]", "[[:nonsense:]]", "\\x{110000}", "(?:ab)++", "(?!a)*", "\\q"],
  ...["(".repeat(100) + ")".repeat(100), "[".repeat(100), "a".repeat(5000), "((a{99}){99}){99}"],
];

for (const source of NOT_READ) {
  Deno.test(`new Pattern() refuses ${source.slice(0, 20)}`, () => {
    assert.throws(() => new Pattern(source), SyntaxError);
  });
}

for (
  const source of [
    "(a|a)*b",
    "(a+)+$",
    "(a*)*b",
    "((a{0,9}){0,9}){0,9}b",
    "a*a*a*a*a*b",
    "(a|aa)+$",
  ]
) {
  Deno.test(`Pattern.findAll() ends soon with ${source}`, () => {
    const started = performance.now();
    assert.throws(() => new Pattern(source).findAll("a".repeat(100_000) + "c"), TextLimitError);
    // A backtracking engine would take longer than the universe has been.
    assert.ok(performance.now() - started < 5000);
    assert.deepEqual(
      new Pattern(source).findAll("a".repeat(30) + "c").filter(([s, e]) => e > s),
      [],
    );
  });
}

Deno.test("Pattern.findAll() stays right when it forgets combinations", () => {
  // The automaton has 2¹⁴ combinations, and remembers fewer.
  const pattern = new Pattern(`(a|b)*a${"(a|b)".repeat(13)}c`);
  const random = createRandom(3);
  const letters = Array.from({ length: 20_000 }, () => random() < 0.5 ? "a" : "b").join("");
  const text = `${letters}a${"ab".repeat(6)}bc`;
  assert.deepEqual(pattern.findAll(text), [[0, text.length]]);
});

Deno.test("loadTextModel() refuses patterns that it cannot match in linear time", async () => {
  for (const part of ["normalizer", "pre_tokenizer"]) {
    const type = part === "normalizer" ? "Replace" : "Split";
    const step = { type, pattern: { Regex: "(a+)\\1" }, behavior: "Isolated", content: "" };
    await assert.rejects(
      loadTextFixture({ tokenizer: { ...byteLevelTokenizer(), [part]: step } }),
      /the pattern "\(a\+\)\\\\1": \\1 is not read; take the model's own tokenizer/,
    );
  }
});

Deno.test("TextModel.encodeText() refuses a text that takes the package's pattern too long", async () => {
  const split = { type: "Split", pattern: { Regex: "(a|a)*b|c" }, behavior: "Isolated" };
  const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  const { model } = await loadTextFixture({
    tokenizer: {
      ...byteLevelTokenizer(),
      pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] },
    },
  });
  assert.equal(model.encodeText("aac").length, 3);
  assert.throws(
    () => model.encodeText("a".repeat(100_000)),
    /Cannot tokenize the text: the tokenizer's pattern takes more than 64 steps a character/,
  );
});
