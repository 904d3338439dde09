/**
 * Added tokens and pre-tokenizers that depend on their neighbours. The ids are those that the reference implementation of
 * `tokenizer.json` gives, the added tokens at the ids of the fixture.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadTextFixture } from "../../support/text_model.ts";
import { byteLevelTokenizer, unigramTokenizer } from "../../support/tokenizer.ts";

const HI = [{ role: "user", content: "x" }] as const;

Deno.test("TextModel.encodeChat() drops white space beside tokens that swallow it", async () => {
  const tokenizer = byteLevelTokenizer([
    { content: "<|right|>", special: true, rstrip: true },
    { content: "<|left|>", special: true, lstrip: true },
    { content: "[b]", special: false, lstrip: true, rstrip: true },
  ]);
  const { model, show } = await loadTextFixture({
    tokenizer,
    chatTemplate: "a <|right|> \n b <|left|> c [b] d",
  });
  const ids = model.encodeChat(HI);
  assert.equal(show(ids), "a ⟦<|right|>⟧b⟦<|left|>⟧ c⟦[b]⟧d");
  assert.deepEqual(ids, [97, 32, 300, 98, 301, 32, 99, 302, 100]);
});

Deno.test("TextModel.encodeText() finds added tokens in the normalized text", async () => {
  const tokenizer = {
    ...byteLevelTokenizer([{ content: "caf\u00e9", special: false, normalized: true }]),
    normalizer: { type: "NFC" },
  };
  const { model } = await loadTextFixture({ tokenizer });
  assert.deepEqual(model.encodeText("a cafe\u0301 b"), [97, 32, 300, 32, 98]);
});

Deno.test("TextModel.encodeText() lets the pre-tokenizer see which section is first", async () => {
  const encode = async (scheme: "always" | "first") => {
    const { model } = await loadTextFixture({
      tokenizer: unigramTokenizer(scheme),
      chatTemplate: "hello<s>hello world",
    });
    return model.encodeChat(HI);
  };
  assert.deepEqual(await encode("always"), [31, 1, 31, 32]);
  assert.deepEqual(await encode("first"), [31, 1, 33, 32]);
});

Deno.test("TextModel.encodeText() keeps control literals plain in a Unigram vocabulary", async () => {
  const { model } = await loadTextFixture({ tokenizer: unigramTokenizer("always") });
  const ids = model.encodeText("hello <s>");
  assert.ok(!ids.includes(1));
  const detokenizer = model.createDetokenizer({ stop: [] });
  assert.equal(ids.map((id) => detokenizer.push(id).text).join(""), "hello <s>");
});

Deno.test("TextModel.tokenBytes() takes the configuration's word where the tokenizer names no decoder", async () => {
  const bytes = async (method: string) => {
    const { model } = await loadTextFixture({
      tokenizer: { ...byteLevelTokenizer(), decoder: null },
      chatConfig: { tokenizer_info: { token_postproc_method: method } },
    });
    return [...model.tokenBytes(0x20)];
  };
  assert.deepEqual(await bytes("byte_level"), [0x20]);
  assert.deepEqual(await bytes("raw"), [0xc4, 0xa0]); // Ġ as it is written
});
