/**
 * The embedded model's own tokenizer and chat template.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openPackage } from "../../../engine/formats/mod.ts";
import { loadTextModel, type TextModel } from "../../../engine/text/mod.ts";
import { fromFileUrl } from "../../support/paths.ts";
import { createRandom } from "../../support/random.ts";

const MODEL_DIR = fromFileUrl(new URL("../../../models/ollm-tiny", import.meta.url));
const IM_START = 1;
const IM_END = 2;

async function loadOllmTiny(): Promise<TextModel> {
  return await loadTextModel(await openPackage(MODEL_DIR));
}

/** Text of the tokens; special ones are not part of it. */
function textOf(model: TextModel, ids: readonly number[]): string {
  const bytes = ids.flatMap((id) => [...model.tokenBytes(id)]);
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

Deno.test("loadTextModel() reads ollm-tiny", async () => {
  const model = await loadOllmTiny();
  assert.ok(model.numTokens <= model.vocabSize);
  assert.ok(model.eosTokenIds.has(IM_END));
});

Deno.test("TextModel.encodeChat() writes ollm-tiny's turns", async () => {
  const model = await loadOllmTiny();
  const ids = model.encodeChat([
    { role: "system", content: "Be brief." },
    { role: "user", content: "List three planets" },
  ]);
  assert.deepEqual(
    ids.filter((id) => id === IM_START || id === IM_END),
    [IM_START, IM_END, IM_START, IM_END, IM_START],
  );
  assert.equal(
    textOf(model, ids),
    "system\nBe brief.\nuser\nList three planets\nassistant\n",
  );
});

Deno.test("TextModel.encodeChat() writes ollm-tiny's tools, calls and results", async () => {
  const model = await loadOllmTiny();
  const ids = model.encodeChat(
    [
      { role: "user", content: "Weather in Oslo?" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "1", name: "get_weather", arguments: '{"city":"Oslo"}' }],
      },
      { role: "tool", content: "3 degrees", toolCallId: "1" },
    ],
    [{ name: "get_weather" }],
  );
  assert.equal(
    textOf(model, ids),
    'system\n# Tools\n<tools>\n{"type": "function", "function": {"name": "get_weather", ' +
      '"parameters": {"type": "object", "properties": {}}}}\n</tools>\n' +
      "user\nWeather in Oslo?\n" +
      'assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>\n' +
      "tool\n<tool_response>\n3 degrees\n</tool_response>\n" +
      "assistant\n",
  );
});

Deno.test("TextModel round-trips random text through ollm-tiny's tokens", async () => {
  const seed = 31;
  const random = createRandom(seed);
  const model = await loadOllmTiny();
  for (let round = 0; round < 300; round++) {
    const text = Array.from(
      { length: Math.floor(random() * 40) },
      () => String.fromCodePoint(Math.floor(random() ** 4 * 0xd7ff)),
    ).join("") + "<|im_end|>";
    const ids = model.encodeText(text);
    assert.equal(textOf(model, ids), text, `seed ${seed}, round ${round}`);
    assert.ok(!ids.includes(IM_END));
  }
});
