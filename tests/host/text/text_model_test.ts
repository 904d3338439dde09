import assert from "node:assert/strict";
import { InvalidRequestError, ModelInvalidError } from "../../../engine/errors.ts";
import { loadTextModel } from "../../../engine/text/mod.ts";
import { createRandom } from "../../support/random.ts";
import { makeTestDir } from "../../support/test_dir.ts";
import { loadTextFixture, readTemplate } from "../../support/text_model.ts";
import {
  byteLevelTokenizer,
  LLAMA3_TOKENS,
  sentencePieceTokenizer,
} from "../../support/tokenizer.ts";

Deno.test("loadTextModel() refuses a tokenizer whose ids exceed the vocabulary", async () => {
  await loadTextFixture({ vocabSize: 305 });
  await assert.rejects(
    loadTextFixture({ vocabSize: 304 }),
    /its ids go up to 304, the model's vocabulary has 304 entries; take the tokenizer that belongs/,
  );
});

Deno.test("loadTextModel() tells the tokenizer's size from the padded vocabulary", async () => {
  const { model } = await loadTextFixture({ vocabSize: 512 });
  assert.equal(model.vocabSize, 512);
  assert.equal(model.numTokens, 305);
});

Deno.test("loadTextModel() names a missing tokenizer", async () => {
  await assert.rejects(
    loadTextModel({ dir: makeTestDir(), chatConfig: {}, vocabSize: 512 }),
    /it has no tokenizer\.json; download the package again/,
  );
});

/** A tokenizer file, and what the message must say. */
const BROKEN_TOKENIZERS: [name: string, file: unknown, message: RegExp][] = [
  ["that is a list", [], /the content is \[\], expected a JSON object/],
  ["without a model", {}, /model is nothing, expected an object/],
  ["without a vocabulary", { model: {} }, /model\.vocab is nothing, expected a table of tokens/],
  [
    "with an empty vocabulary",
    { model: { vocab: {} } },
    /model\.vocab is an object, expected at least 1 token/,
  ],
  [
    "with a negative id",
    { model: { vocab: { a: -1 } } },
    /model\.vocab\["a"\] is -1, expected a whole number/,
  ],
  [
    "with a fractional id",
    { model: { vocab: { a: 0.5 } } },
    /model\.vocab\["a"\] is 0\.5, expected a whole/,
  ],
  ["with an id beyond all tables", { model: { vocab: { a: 1e9 } } }, /number from 0 to 4194303/],
  [
    "with a piece without score",
    { model: { vocab: [["a"]] } },
    /model\.vocab\[0\] is a list of 1, expected a pair/,
  ],
  [
    "with a list of tokens that is none",
    { model: { vocab: { a: 0 } }, added_tokens: 1 },
    /added_tokens/,
  ],
  [
    "with an added token that is no object",
    { model: { vocab: { a: 0 } }, added_tokens: [null] },
    /added_tokens\[0\] is null, expected an object/,
  ],
  [
    "with an added token without id",
    { model: { vocab: { a: 0 } }, added_tokens: [{ content: "x" }] },
    /added_tokens\[0\]\.id is nothing, expected a whole number/,
  ],
  [
    "with an empty added token",
    { model: { vocab: { a: 0 } }, added_tokens: [{ id: 1, content: "" }] },
    /added_tokens\[0\]\.content is "", expected 1 to 512 characters/,
  ],
  [
    "of an unknown kind",
    { model: { type: "Markov", vocab: { a: 0 } } },
    /model\.type is "Markov", expected BPE, Unigram, WordPiece/,
  ],
  [
    "with a merge that is no pair",
    { model: { type: "BPE", vocab: { a: 0 }, merges: ["a"] } },
    /model\.merges\[0\] is not a pair of texts/,
  ],
  [
    "with a merge to nothing",
    { model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: ["a b"] } },
    /model\.merges\[0\] makes "ab", which has no id/,
  ],
  [
    "that cannot spell every byte",
    { model: { type: "BPE", vocab: { a: 0 }, merges: [] } },
    /some characters have no token/,
  ],
  [
    "whose pre-tokenizer fails at first use",
    {
      ...byteLevelTokenizer(),
      pre_tokenizer: { type: "Split", pattern: { Regex: "a" }, behavior: 1 },
    },
    /take the model's own tokenizer/,
  ],
  [
    "with a normalizer that has no name, without quoting it",
    { ...byteLevelTokenizer(), normalizer: { type: ["x".repeat(5000)] } },
    /tokenizer\.json": the normalizer without a name is not read; take the model's own tokenizer$/,
  ],
  [
    "whose normalizer doubles the text again and again",
    {
      ...byteLevelTokenizer(),
      normalizer: {
        type: "Sequence",
        normalizers: Array.from({ length: 40 }, () => ({
          type: "Replace",
          pattern: { Regex: "." },
          content: "xx",
        })),
      },
    },
    /the tokenizer's normalizer makes \d+ characters of \d+/,
  ],
  [
    "with more normalizers than anyone has",
    {
      ...byteLevelTokenizer(),
      normalizer: {
        type: "Sequence",
        normalizers: Array.from({ length: 65 }, () => ({ type: "NFC" })),
      },
    },
    /normalizers has more than 64 steps/,
  ],
  [
    "with added tokens that fill the memory",
    {
      ...byteLevelTokenizer(),
      added_tokens: Array.from({ length: 513 }, (_, i) => ({
        id: 0,
        content: String(i).padEnd(512, "x"),
      })),
    },
    /length of all added_tokens is 262656, expected at most 262144 characters/,
  ],
  [
    "with an unknown token that is not there",
    { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 7 } },
    /the model's unknown token is not there/,
  ],
  [
    "with an unknown normalizer",
    { ...byteLevelTokenizer(), normalizer: { type: "ROT13" } },
    /ROT13.*take the model's own tokenizer/,
  ],
];

for (const [name, file, message] of BROKEN_TOKENIZERS) {
  Deno.test(`loadTextModel() refuses a tokenizer ${name}`, async () => {
    const dir = makeTestDir();
    await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(file));
    await assert.rejects(loadTextModel({ dir, chatConfig: {}, vocabSize: 512 }), (error) => {
      assert.ok(error instanceof ModelInvalidError, `another error: ${error}`);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("loadTextModel() refuses a chat template that is no Jinja", async () => {
  await assert.rejects(
    loadTextFixture({ chatTemplate: "{% for %}" }),
    /Cannot read the chat template of ".*chat_template\.jinja": /,
  );
});

Deno.test("loadTextModel() refuses a list of templates without a default", async () => {
  await assert.rejects(
    loadTextFixture({ tokenizerConfig: { chat_template: [{ name: "rag", template: "x" }] } }),
    /chat_template is a list of 1, expected a text or a list with an entry "default"/,
  );
});

Deno.test("loadTextModel() refuses a conv_template of the wrong kind", async () => {
  const load = (conv_template: unknown) => loadTextFixture({ chatConfig: { conv_template } });
  await assert.rejects(load({}), /conv_template\.roles is nothing, expected a table of texts/);
  await assert.rejects(
    load({ roles: { user: 1 } }),
    /conv_template\.roles is an object, expected a table/,
  );
  await assert.rejects(
    load({ roles: {}, seps: ["a", "b", "c"] }),
    /seps is a list of 3, expected a list of at most 2/,
  );
  await assert.rejects(
    load({ roles: {}, stop_token_ids: [-1] }),
    /stop_token_ids is \[-1\], expected a list/,
  );
  await assert.rejects(
    load({ roles: {}, system_template: 1 }),
    /system_template is 1, expected a text/,
  );
  await assert.rejects(
    load({ roles: {}, system_prefix_token_ids: [512] }),
    /conv_template names the token 512, the model's vocabulary has 512 entries/,
  );
});

Deno.test("TextModel.eosTokenIds unites configuration, conversation template and tokenizer", async () => {
  const { model } = await loadTextFixture({
    chatTemplate: readTemplate("qwen2_5.jinja"),
    tokenizerConfig: { eos_token: "<|endoftext|>" },
    chatConfig: {
      eos_token_id: [7, 8],
      conv_template: { roles: {}, stop_token_ids: [9], stop_str: ["###"] },
    },
  });
  // 300 from the tokenizer's configuration, 302 because the template ends turns with it
  assert.deepEqual([...model.eosTokenIds].sort((a, b) => a - b), [7, 8, 9, 300, 302]);
  assert.deepEqual(model.stopStrings, ["###"]);
});

Deno.test("TextModel.eosTokenIds leaves out ends of a turn that the template does not write", async () => {
  const { model } = await loadTextFixture({ chatConfig: { eos_token_id: 300 } });
  assert.deepEqual([...model.eosTokenIds], [300]);
});

Deno.test("TextModel.encodeText() adds the beginning of text as the post-processor says", async () => {
  const tokenizer = {
    ...byteLevelTokenizer(LLAMA3_TOKENS),
    post_processor: {
      type: "Sequence",
      processors: [
        { type: "ByteLevel" },
        {
          type: "TemplateProcessing",
          single: [{ SpecialToken: { id: "<|begin_of_text|>" } }, { Sequence: { id: "A" } }],
        },
      ],
    },
  };
  const { model } = await loadTextFixture({ tokenizer });
  assert.deepEqual(model.encodeText("hello"), [300, 259]);
  assert.deepEqual(model.encodeText(""), [300]);
});

Deno.test("TextModel.encodeText() lets add_bos_token decide where it is given", async () => {
  const bos = { bos_token: { content: "<s>", lstrip: false } };
  const encode = async (tokenizerConfig: Record<string, unknown>) => {
    const { model } = await loadTextFixture({
      tokenizer: sentencePieceTokenizer(),
      tokenizerConfig,
    });
    return model.encodeText("hi")[0];
  };
  assert.equal(await encode({ ...bos }), 1);
  assert.equal(await encode({ ...bos, add_bos_token: true }), 1);
  assert.notEqual(await encode({ ...bos, add_bos_token: false }), 1);
});

Deno.test("TextModel.encodeChat() adds no token besides those of the template", async () => {
  const { model } = await loadTextFixture({
    tokenizer: sentencePieceTokenizer(),
    tokenizerConfig: { add_bos_token: true, bos_token: "<s>", chat_template: "hi" },
  });
  assert.deepEqual(model.encodeChat([{ role: "user", content: "x" }]).includes(1), false);
});

Deno.test("TextModel.encodeChat() prefers chat_template.jinja, then tokenizer_config.json, then conv_template", async () => {
  const chatConfig = { conv_template: { roles: { user: "conv ", assistant: "" } } };
  const tokenizerConfig = { chat_template: "config" };
  const hi = [{ role: "user", content: "hi" }] as const;
  const text = async (options: Parameters<typeof loadTextFixture>[0]) => {
    const { model, toText } = await loadTextFixture(options);
    return toText(model.encodeChat(hi));
  };
  assert.equal(await text({ chatConfig, tokenizerConfig, chatTemplate: "file" }), "file");
  assert.equal(await text({ chatConfig, tokenizerConfig }), "config");
  assert.equal(await text({ chatConfig }), "conv hi");
});

Deno.test("TextModel.encodeChat() takes the tool_use template for requests with tools", async () => {
  const { model, toText } = await loadTextFixture({
    tokenizerConfig: {
      chat_template: [
        { name: "default", template: "default" },
        { name: "tool_use", template: "{{ tools[0].function.name }}" },
      ],
    },
  });
  const hi = [{ role: "user", content: "hi" }] as const;
  assert.equal(toText(model.encodeChat(hi)), "default");
  assert.equal(toText(model.encodeChat(hi, [{ name: "f" }])), "f");
});

/** Asserts an error with this `param`. */
function refuses(run: () => unknown, param: string, message: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof InvalidRequestError, `another error: ${error}`);
    assert.equal(error.param, param);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("TextModel.encodeChat() refuses an empty conversation", async () => {
  const { model } = await loadTextFixture({ chatTemplate: "x" });
  refuses(() => model.encodeChat([]), "messages", /messages is empty/);
});

Deno.test("TextModel.encodeChat() refuses messages without a chat template", async () => {
  const { model } = await loadTextFixture();
  refuses(
    () => model.encodeChat([{ role: "user", content: "hi" }]),
    "messages",
    /has no chat template; send the text as a raw prompt/,
  );
});

Deno.test("TextModel.encodeChat() refuses tools that no template would show", async () => {
  const chatConfig = { conv_template: { roles: { user: "", assistant: "" } } };
  for (const options of [{ chatConfig }, { chatTemplate: "{{ messages[0].content }}" }]) {
    const { model } = await loadTextFixture(options);
    refuses(
      () => model.encodeChat([{ role: "user", content: "hi" }], [{ name: "f" }]),
      "tools",
      /has no place for tools/,
    );
  }
});

Deno.test("TextModel.encodeChat() names a role that a conv_template lacks", async () => {
  const { model } = await loadTextFixture({
    chatConfig: { conv_template: { roles: { user: "", assistant: "" } } },
  });
  refuses(
    () => model.encodeChat([{ role: "tool", content: "3", toolCallId: "1" }]),
    "messages",
    /has no role "tool"; it knows user,assistant/,
  );
});

Deno.test("loadTextModel() answers every damaged tokenizer with ModelInvalidError or a working model", async () => {
  const seed = 5;
  const random = createRandom(seed);
  const dir = makeTestDir();
  for (let round = 0; round < 400; round++) {
    const tokenizer = round % 2 === 0 ? byteLevelTokenizer() : sentencePieceTokenizer();
    damageJson(tokenizer, random);
    await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(tokenizer));
    try {
      const model = await loadTextModel({ dir, chatConfig: {}, vocabSize: 5000 });
      const detokenizer = model.createDetokenizer({ stop: [] });
      for (const id of model.encodeText("hello world é🙂 <|im_end|> 12\n\n")) detokenizer.push(id);
    } catch (error) {
      assert.ok(
        error instanceof ModelInvalidError,
        `seed ${seed}, round ${round}: ${(error as Error).stack}`,
      );
    }
  }
});

/** Replaces or removes one value somewhere in a JSON object. */
function damageJson(json: Record<string, unknown>, random: () => number): void {
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!;
  let parent = json;
  let key = pick(Object.keys(parent));
  for (let depth = Math.floor(random() * 5); depth > 0; depth--) {
    const child = parent[key];
    if (typeof child !== "object" || child === null || Object.keys(child).length === 0) break;
    parent = child as Record<string, unknown>;
    key = pick(Object.keys(parent));
  }
  if (random() < 0.3) delete parent[key];
  else parent[key] = pick([null, true, 0, -1, 1.5, 1e9, "", "x", "<s>", [], {}, [null]]);
}
