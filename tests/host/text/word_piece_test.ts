import assert from "node:assert/strict";
import { loadTextFixture } from "../../support/text_model.ts";
import { byteLevelTokenizer, LLAMA3_TOKENS, wordPieceTokenizer } from "../../support/tokenizer.ts";

/** `[PAD] [UNK] [CLS] [SEP] [MASK]`, then the pieces in the order of the fixture. */
const [UNK, CLS, SEP] = [1, 2, 3];

async function loadEmbeddingModel() {
  const tokenizer = wordPieceTokenizer("hello world un ##aff ##able , ! [ ] cl ##s 中".split(" "));
  const { model } = await loadTextFixture({ tokenizer, vocabSize: 64 });
  return model;
}

Deno.test("loadTextModel() opens a package without chat template and end token", async () => {
  const model = await loadEmbeddingModel();
  assert.deepEqual([...model.eosTokenIds], []);
  assert.deepEqual(model.stopStrings, []);
  assert.throws(
    () => model.encodeChat([{ role: "user", content: "hi" }]),
    /The model has no chat template; send the text as a raw prompt/,
  );
});

Deno.test("TextModel.encodeForEmbedding() puts BERT's tokens around a text", async () => {
  const model = await loadEmbeddingModel();
  assert.deepEqual(model.encodeForEmbedding("Hello, world!"), [CLS, 5, 10, 6, 11, SEP]);
  assert.deepEqual(model.encodeForEmbedding(""), [CLS, SEP]);
});

Deno.test("TextModel.encodeForEmbedding() puts the same tokens around ids", async () => {
  const model = await loadEmbeddingModel();
  assert.deepEqual(model.encodeForEmbedding([5, 6]), [CLS, 5, 6, SEP]);
});

Deno.test("TextModel.encodeForEmbedding() cuts words into their longest pieces", async () => {
  const model = await loadEmbeddingModel();
  assert.deepEqual(model.encodeForEmbedding("unaffable").slice(1, -1), [7, 8, 9]);
  assert.deepEqual(model.encodeForEmbedding("unaffably").slice(1, -1), [UNK]);
});

Deno.test("TextModel.encodeForEmbedding() normalizes as BERT does", async () => {
  const model = await loadEmbeddingModel();
  // Accents, capitals, control characters, CJK without spaces.
  assert.deepEqual(model.encodeForEmbedding("HÉLLÓ\u0000\u200b 中中").slice(1, -1), [5, 16, 16]);
});

Deno.test("TextModel.encodeForEmbedding() reads control tokens in text as text", async () => {
  const model = await loadEmbeddingModel();
  assert.deepEqual(model.encodeForEmbedding("[CLS]").slice(1, -1), [12, 14, 15, 13]);
  assert.ok(!model.encodeForEmbedding("a [SEP] b").slice(1, -1).includes(SEP));
});

Deno.test("TextModel.encodeForEmbedding() frames BPE texts as their post-processor says", async () => {
  const tokenizer = {
    ...byteLevelTokenizer(LLAMA3_TOKENS),
    post_processor: {
      type: "Sequence",
      processors: [
        { type: "ByteLevel" },
        {
          type: "TemplateProcessing",
          single: [
            { SpecialToken: { id: "<|begin_of_text|>", type_id: 0 } },
            { Sequence: { id: "A", type_id: 0 } },
            { SpecialToken: { id: "<|end_of_text|>", type_id: 0 } },
          ],
        },
      ],
    },
  };
  const { model, show } = await loadTextFixture({ tokenizer });
  assert.equal(
    show(model.encodeForEmbedding("hi")),
    "⟦<|begin_of_text|>⟧hi⟦<|end_of_text|>⟧",
  );
  assert.equal(show(model.encodeText("hi")), "⟦<|begin_of_text|>⟧hi");
  const flags = { add_bos_token: false, add_eos_token: true, eos_token: "<|eot_id|>" };
  const flagged = await loadTextFixture({ tokenizer, tokenizerConfig: flags });
  assert.equal(flagged.show(flagged.model.encodeForEmbedding("hi")), "hi⟦<|eot_id|>⟧");
});

Deno.test("TextModel.encodeForEmbedding() knows BERT's and RoBERTa's own post-processors", async () => {
  for (const type of ["BertProcessing", "RobertaProcessing"]) {
    const tokenizer = {
      ...wordPieceTokenizer(["a"]),
      post_processor: { type, sep: ["[SEP]", SEP], cls: ["[CLS]", CLS] },
    };
    const { model } = await loadTextFixture({ tokenizer, vocabSize: 64 });
    assert.deepEqual(model.encodeForEmbedding("a"), [CLS, 5, SEP]);
  }
});

/** What is changed in a valid tokenizer, and what the message must say. */
const BROKEN: [name: string, change: Record<string, unknown>, message: RegExp][] = [
  [
    "an unknown post-processor",
    { post_processor: { type: "X" } },
    /post-processor "X" is not read/,
  ],
  [
    "a post-processor without a place for the text",
    { post_processor: { type: "TemplateProcessing", single: [] } },
    /TemplateProcessing\.single has no place for the text/,
  ],
  [
    "a post-processor that names a token that is not there",
    { post_processor: { type: "BertProcessing", cls: ["x", 0], sep: ["[SEP]", 3] } },
    /post-processor names a token that is not there/,
  ],
];

for (const [name, change, message] of BROKEN) {
  Deno.test(`loadTextModel() refuses ${name}`, async () => {
    const tokenizer = { ...wordPieceTokenizer(["a"]), ...change };
    await assert.rejects(loadTextFixture({ tokenizer, vocabSize: 64 }), message);
  });
}

for (
  const [name, change, message] of [
    ["no token for unknown words", { unk_token: undefined }, /model\.unk_token is not in/],
    ["an unknown token that is not there", { unk_token: "[X]" }, /unknown token is not there/],
    ["words without end", { max_input_chars_per_word: 1e9 }, /is not a number from 1 to 1000/],
  ] as const
) {
  Deno.test(`loadTextModel() refuses a WordPiece model with ${name}`, async () => {
    const tokenizer = wordPieceTokenizer(["a"]);
    Object.assign(tokenizer.model as Record<string, unknown>, change);
    await assert.rejects(loadTextFixture({ tokenizer, vocabSize: 64 }), message);
  });
}
