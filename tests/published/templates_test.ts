/**
 * Prompts of published chat templates against those that Python's Jinja2 makes of them (`tests/fixtures/templates/generate.py`).
 *
 * @module
 */
import assert from "node:assert/strict";
import { EngineError } from "../../engine/errors.ts";
import { shapeMessages, shapeTools } from "../../engine/text/template/chat_template.ts";
import { compileJinjaTemplate } from "../../engine/text/template/jinja_template.ts";
import golden from "../fixtures/templates/golden_prompts.json" with { type: "json" };
import { TEMPLATE_CASES, type TemplateCase } from "../support/template_cases.ts";
import { loadTextFixture } from "../support/text_model.ts";
import { byteLevelTokenizer } from "../support/tokenizer.ts";
import {
  type PublishedTemplate,
  readFixtureTemplates,
  readPublishedTemplates,
} from "./templates.ts";

/** A prompt, its digest, the template's refusal, or the kind of Python's error. */
type Expected = string | { sha256?: string; refusal?: string; failure?: string };
const GOLDEN = golden as Record<string, Record<string, Expected>>;

/** What the golden prompts were made with. */
const TOKENS = { bos_token: "<bos>", eos_token: "<eos>", pad_token: "<pad>", unk_token: "<unk>" };
const NOW = new Date(2026, 2, 5, 7, 8, 9);

/** What control tokens of published templates look like. */
const CONTROL_LITERAL =
  /<\|[^|>\s]{1,40}\|>|<\/?[a-z_]{2,20}>|\[\/?[A-Z_]{3,20}\]|<｜[^｜]{1,40}｜>/gu;

/** Published tokenizers do not mark these as special. */
const MARKUP = /^<\/?(think|tools?|tool_call|tool_response)>$/;

const templates = [...await readPublishedTemplates(), ...readFixtureTemplates()];

Deno.test("the golden prompts cover every template and every conversation", () => {
  assert.deepEqual(Object.keys(GOLDEN), templates.map(({ name }) => name));
  const names = TEMPLATE_CASES.map(({ name }) => name);
  for (const prompts of Object.values(GOLDEN)) assert.deepEqual(Object.keys(prompts), names);
});

for (const template of templates) {
  Deno.test(`ChatTemplate.render() writes what Jinja2 writes: ${template.name}`, async () => {
    for (const conversation of TEMPLATE_CASES) await checkCase(template, conversation);
  });
}

for (const template of templates.filter(({ name }) => isWrittenOut(name))) {
  Deno.test(`TextModel.encodeChat() keeps the prompt of ${template.name}`, async () => {
    const literals = new Set(template.source.match(CONTROL_LITERAL) ?? []);
    const { model, toText } = await loadTextFixture({
      tokenizer: {
        ...byteLevelTokenizer(
          [...literals, "<bos>", "<eos>"].map((content) => ({
            content,
            special: !MARKUP.test(content),
          })),
        ),
        normalizer: null,
      },
      tokenizerConfig: { ...TOKENS, chat_template: template.source },
    });
    for (const { name, messages, tools } of TEMPLATE_CASES) {
      const expected = GOLDEN[template.name]![name]!;
      if (
        typeof expected !== "string" || (tools.length > 0 && !/\btools\b/.test(template.source))
      ) {
        continue;
      }
      assert.equal(toText(model.encodeChat(messages, tools)), expected, name);
    }
  });
}

/** Whether the golden prompts are texts; those with today's date cannot be compared a second time. */
function isWrittenOut(name: string): boolean {
  const { source } = templates.find((template) => template.name === name)!;
  return typeof GOLDEN[name]!["one turn"] === "string" && !source.includes("strftime_now");
}

async function checkCase(template: PublishedTemplate, conversation: TemplateCase): Promise<void> {
  const expected = GOLDEN[template.name]![conversation.name]!;
  const actual = render(template, conversation);
  const where = `${template.name}, ${conversation.name}`;
  if (typeof expected === "string") return assert.equal(actual, expected, where);
  if (expected.sha256 !== undefined) {
    return assert.equal(await digest(String(actual)), expected.sha256, `${where}:\n${actual}`);
  }
  if (expected.refusal !== undefined) {
    assert.ok(actual instanceof EngineError, `${where}: ${actual}`);
    assert.ok(actual.message.endsWith(expected.refusal), `${where}: ${actual.message}`);
  }
  // What fails in Python may succeed here: undefined values are empty text, not errors.
}

function render(
  { name, source }: PublishedTemplate,
  { messages, tools }: TemplateCase,
): string | Error {
  const keep = (text: string) => text;
  try {
    // Templates that know no tools ignore them in Python; here they refuse them.
    const template = compileJinjaTemplate({
      path: name,
      source,
      variables: TOKENS,
      now: () => NOW,
    });
    return template.render(
      shapeMessages(messages, keep),
      template.acceptsTools ? shapeTools(tools, keep) : [],
    ).text;
  } catch (error) {
    return error as Error;
  }
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex().slice(0, 16);
}
