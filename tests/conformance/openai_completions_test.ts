/**
 * OpenAI's Node client: completions.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createClient, MODEL } from "./target.ts";

const client = createClient();
const ask = { model: MODEL, prompt: "The capital of France is", temperature: 0, max_tokens: 8 };

Deno.test("openai: completions.create() returns text and usage", async () => {
  const { object, choices, usage } = await client.completions.create(ask);
  assert.equal(object, "text_completion");
  assert.equal(choices.length, 1);
  assert.ok(["stop", "length"].includes(choices[0]!.finish_reason));
  assert.equal(usage!.total_tokens, usage!.prompt_tokens + usage!.completion_tokens);
});

Deno.test("openai: completions.create() streams the same text", async () => {
  const stream = await client.completions.create({ ...ask, stream: true });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.text ?? "";
  const { choices: [choice] } = await client.completions.create(ask);
  assert.equal(text, choice!.text);
});

Deno.test("openai: completions.create() answers several prompts, each n times", async () => {
  const { choices } = await client.completions.create({
    ...ask,
    prompt: ["One, two,", "Red, green,"],
    n: 2,
  });
  assert.deepEqual(choices.map(({ index }) => index), [0, 1, 2, 3]);
  assert.equal(choices[0]!.text, choices[1]!.text);
  assert.equal(choices[2]!.text, choices[3]!.text);
});

Deno.test("openai: completions.create() repeats the prompt when asked to echo it", async () => {
  const { choices: [choice] } = await client.completions.create({ ...ask, echo: true });
  assert.ok(choice!.text.startsWith(ask.prompt));
});
