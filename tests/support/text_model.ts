/**
 * Text models made of fixtures, and a view of tokens as text in which control tokens can be told from look-alikes.
 *
 * @module
 */
import { loadTextModel, type TextModel } from "../../engine/text/mod.ts";
import { makeTestDir } from "./test_dir.ts";
import { byteLevelTokenizer } from "./tokenizer.ts";

/** Files of a text model; absent ones are not written. */
export interface TextModelOptions {
  /** `tokenizer.json`. @default a byte-level BPE with ChatML's control tokens */
  tokenizer?: Record<string, unknown>;
  /** `tokenizer_config.json`. */
  tokenizerConfig?: Record<string, unknown>;
  /** `chat_template.jinja`. */
  chatTemplate?: string;
  /** `mlc-chat-config.json`, already read. */
  chatConfig?: Record<string, unknown>;
  /** @default 512 */
  vocabSize?: number;
}

/** A text model with its tokens made visible. */
export interface TextModelFixture {
  model: TextModel;
  /** Tokens as text: control tokens as `⟦literal⟧`, everything else by its bytes. */
  show(ids: readonly number[]): string;
  /** Tokens as text, a control token as its plain literal. */
  toText(ids: readonly number[]): string;
}

/** Loads a text model from files written to a temporary directory. */
export async function loadTextFixture(options: TextModelOptions = {}): Promise<TextModelFixture> {
  const { tokenizer = byteLevelTokenizer(), vocabSize = 512, chatConfig = {} } = options;
  const dir = makeTestDir();
  const files = {
    "tokenizer.json": JSON.stringify(tokenizer),
    "tokenizer_config.json": options.tokenizerConfig && JSON.stringify(options.tokenizerConfig),
    "chat_template.jinja": options.chatTemplate,
  };
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined) await Deno.writeTextFile(`${dir}/${name}`, text);
  }
  const model = await loadTextModel({ dir, chatConfig, vocabSize });
  const added = new Map(
    (tokenizer.added_tokens as { id: number; content: string }[]).map((t) => [t.id, t.content]),
  );
  const join = (ids: readonly number[], control: (literal: string) => string) => {
    const encoder = new TextEncoder();
    const bytes = ids.flatMap((id) => {
      const literal = added.get(id);
      return [...literal === undefined ? model.tokenBytes(id) : encoder.encode(control(literal))];
    });
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  };
  return {
    model,
    show: (ids) => join(ids, (literal) => `⟦${literal}⟧`),
    toText: (ids) => join(ids, (literal) => literal),
  };
}

/** Text of a published chat template among the fixtures. */
export function readTemplate(name: string): string {
  return Deno.readTextFileSync(new URL(`../fixtures/templates/${name}`, import.meta.url));
}
