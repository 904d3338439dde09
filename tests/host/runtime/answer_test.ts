import assert from "node:assert/strict";
import { AnswerReader } from "../../../engine/runtime/answer.ts";
import { answerOptions, encodeMessages } from "../../../engine/runtime/demands.ts";
import { GrammarFollower } from "../../../engine/runtime/grammar_follower.ts";
import type { GrammarSession } from "../../../engine/sampling/grammar/mod.ts";
import type { GenerationRequest } from "../../../engine/types.ts";
import { loadTextFixture } from "../../support/text_model.ts";
import { byteLevelTokenizer, CHATML_TOKENS, FIRST_ADDED_ID } from "../../support/tokenizer.ts";

const END = FIRST_ADDED_ID + 2;
const THINK = FIRST_ADDED_ID + CHATML_TOKENS.length;
const tokenizer = byteLevelTokenizer([
  ...CHATML_TOKENS,
  { content: "<think>", special: true },
  { content: "</think>", special: true },
]);
const TEMPLATE = "{{ messages[0].content }}{{ tools }}<tool_call>{# <think> #}</think>";
const request: GenerationRequest = { model: "m", messages: [{ role: "user", content: "hi" }] };

async function createReader(
  chatTemplate: string,
  { stop = [], ...options }: Pick<GenerationRequest, "tools" | "toolChoice"> & { stop?: string[] } =
    {},
) {
  const { model } = await loadTextFixture({ tokenizer, chatTemplate });
  const full = { ...request, ...options };
  const { tools } = options;
  const prompt = encodeMessages(
    request.messages!,
    { tools: tools ?? [], toolChoice: "auto" },
    model,
  );
  const reader = new AnswerReader(model, { stop, ...answerOptions(full, prompt, model) });
  const bytes = (text: string) => [...new TextEncoder().encode(text)];
  return { model, reader, bytes };
}

Deno.test("AnswerReader tells reasoning, text and calls apart, and counts reasoning tokens", async () => {
  const { reader, bytes } = await createReader(TEMPLATE, { tools: [{ name: "f" }] });
  const tokens = [
    THINK,
    ...bytes("\nso"),
    THINK + 1,
    ...bytes("\n\nyes "),
    FIRST_ADDED_ID + 3,
    ...bytes('{"name": "f", "arguments": {"a": 1}}'),
    FIRST_ADDED_ID + 4,
  ];
  const parts = [...tokens.flatMap((token) => reader.push(token).parts), ...reader.flush()];
  const join = (type: string) =>
    parts.map((part) => part.type === type && "text" in part ? part.text : "").join("");
  assert.equal(join("reasoning"), "so");
  assert.equal(join("text"), "yes");
  assert.equal(join("tool_call_arguments"), '{"a": 1}');
  assert.deepEqual(reader.calls, [{ name: "f", arguments: '{"a": 1}' }]);
  assert.equal(reader.numReasoningTokens, 5);
  assert.deepEqual(reader.flush(), []);
});

Deno.test("AnswerReader begins with reasoning where the prompt has opened it", async () => {
  const { reader, bytes } = await createReader("{{ messages[0].content }}<think>\n");
  const [first] = bytes("a").map((token) => reader.push(token).parts);
  assert.deepEqual(first, [{ type: "reasoning", text: "a" }]);
  assert.equal(reader.isThinking, true);
});

Deno.test("AnswerReader looks for stop sequences in the text alone, not in reasoning and calls", async () => {
  const options = { tools: [{ name: "f" }], stop: ["\n", "name", "END"] };
  const { reader, bytes } = await createReader(TEMPLATE, options);
  const tokens = [
    THINK,
    ...bytes("\nname\nE"),
    THINK + 1,
    ...bytes("\nyes EN\t"),
    FIRST_ADDED_ID + 3,
    ...bytes('\n{"name": "f", "arguments": {"END": 1}}\n'),
    FIRST_ADDED_ID + 4,
  ];
  const read = tokens.map((token) => reader.push(token));
  assert.deepEqual(new Set(read.map(({ stopSequence }) => stopSequence)), new Set([null]));
  assert.deepEqual(reader.calls, [{ name: "f", arguments: '{"END": 1}' }]);
  assert.equal(reader.text, "yes EN");
  const behind = bytes("D and END more").map((token) => reader.push(token));
  assert.equal(behind.find(({ stopSequence }) => stopSequence)?.stopSequence, "END");
  assert.deepEqual(reader.flush(), []);
  assert.equal(reader.text, "yes END and ");
});

for (const toolChoice of ["auto", "required", { name: "f" }] as const) {
  const name = JSON.stringify(toolChoice);
  Deno.test(`AnswerReader.flush() shows half a call as text only if it need not be one: ${name}`, async () => {
    const { reader, bytes } = await createReader(TEMPLATE, { tools: [{ name: "f" }], toolChoice });
    for (const token of [FIRST_ADDED_ID + 3, ...bytes('\n{"na')]) reader.push(token);
    reader.flush();
    assert.equal(reader.text, toolChoice === "auto" ? '<tool_call>\n{"na' : "");
  });
}

/** Allows only `allowed`, and remembers what it accepts. */
function createSession(allowed: number) {
  const accepted: number[] = [];
  const mask = new Int32Array(16);
  mask[allowed >> 5] = 1 << (allowed & 31);
  const session: GrammarSession = {
    next: () => Promise.resolve({ mask, isComplete: false }),
    accept: (token) => accepted.push(token),
    check: () => Promise.resolve(null),
    close: () => {},
  };
  return { session, accepted };
}

Deno.test("GrammarFollower leaves reasoning free and holds the answer behind it", async () => {
  const { model, reader, bytes } = await createReader(TEMPLATE);
  const [a] = bytes("a");
  const { session, accepted } = createSession(a!);
  const follower = new GrammarFollower(session, { eosTokenIds: new Set([END]), think: THINK });
  const allowed = async () => {
    const logits = new Float32Array(model.numTokens);
    assert.ok(await follower.restrict(logits, reader));
    return [...logits.keys()].filter((id) => logits[id] === 0);
  };
  const take = (token: number) => {
    follower.accept(token, reader);
    reader.push(token);
  };
  assert.deepEqual(await allowed(), [a, THINK]);
  take(THINK);
  assert.equal((await allowed()).length, model.numTokens - 1); // no end of text
  take(bytes("x")[0]!);
  take(THINK + 1);
  assert.deepEqual(await allowed(), [a]);
  take(a!);
  assert.deepEqual(accepted, [a]);
});
