/**
 * Our tokenizers against the Rust library `tokenizers`, on 5,000 texts in many scripts.
 *
 * `OLLM_TOKENIZER_TEXTS` sets the number of texts; `OLLM_TOKENIZER_FILES` names further `tokenizer.json` files, with `:` between
 * them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { loadTextModel, type TextModel } from "../../engine/text/mod.ts";
import { makeTestDir } from "../support/test_dir.ts";
import { createTexts } from "../support/unicode_texts.ts";
import { createSecond, type SecondTokenizer } from "./second.ts";
import { VOCABULARIES, type Vocabulary } from "./vocabularies.ts";

const NUM_TEXTS = Number(Deno.env.get("OLLM_TOKENIZER_TEXTS") ?? 5000);
const SEED = 1;

for (const vocabulary of [...VOCABULARIES, ...readFurther()]) {
  Deno.test(`TextModel tokenizes as the Rust library does: ${vocabulary.name}`, async () => {
    const model = await loadModel(vocabulary.tokenizer);
    const second = await createSecond(vocabulary.tokenizer);
    const faults: string[] = [];
    for (const text of createTexts(SEED, NUM_TEXTS)) {
      const fault = compare(vocabulary, model, second, text);
      if (fault !== null) faults.push(fault);
    }
    second.dispose();
    const { length } = faults;
    assert.equal(length, 0, `${length} of ${NUM_TEXTS} differ:\n${faults.slice(0, 8).join("\n")}`);
  });
}

async function loadModel(tokenizer: Record<string, unknown>): Promise<TextModel> {
  const dir = makeTestDir();
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(tokenizer));
  return await loadTextModel({ dir, chatConfig: {}, vocabSize: 400_000 });
}

/** What differs, or null. */
function compare(
  { normalized }: Vocabulary,
  model: TextModel,
  second: SecondTokenizer,
  text: string,
): string | null {
  const ids = encodeBare(model, text);
  const expected = [...second.encode(text)];
  if (ids.join() !== expected.join()) return describe(text, ids, expected);
  if (normalized === null) return null;
  const decoded = decode(model, ids);
  const wanted = normalized(text);
  return decoded === wanted ? null : describe(text, decoded, wanted);
}

/** Tokens of the text itself, without those that the tokenizer puts before it. */
function encodeBare(model: TextModel, text: string): number[] {
  return model.encodeText(text).slice(model.encodeText("").length);
}

function decode(model: TextModel, ids: readonly number[]): string {
  const detokenizer = model.createDetokenizer({ stop: [] });
  return ids.map((id) => detokenizer.push(id).text).join("") + detokenizer.flush();
}

function describe(text: string, actual: unknown, expected: unknown): string {
  return [text, actual, expected].map((value) => JSON.stringify(value).slice(0, 300)).join("\n  ");
}

function readFurther(): Vocabulary[] {
  const paths = Deno.env.get("OLLM_TOKENIZER_FILES")?.split(":") ?? [];
  return paths.map((name) => ({
    name,
    tokenizer: JSON.parse(Deno.readTextFileSync(name)),
    normalized: null,
  }));
}
