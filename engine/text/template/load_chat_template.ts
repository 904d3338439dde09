/**
 * Finds the chat template of a package: `chat_template.jinja`, else the `chat_template` of `tokenizer_config.json`, else MLC's
 * `conv_template`.
 *
 * @module
 */
import { join } from "node:path";
import { invalidField, readTextInside } from "../../formats/mod.ts";
import type { ChatTemplate } from "./chat_template.ts";
import { type ConvTemplate, createConvTemplate } from "./conv_template.ts";
import { compileJinjaTemplate } from "./jinja_template.ts";
import { readTokenText } from "../special_tokens.ts";
import type { TokenizerFile } from "../tokenizer_file.ts";

/** Bytes of a chat template; published ones stay below 32 KiB. */
const MAX_TEMPLATE_BYTES = 1024 * 1024;

/**
 * Loads the chat template.
 *
 * @param conv the template of `mlc-chat-config.json`, where there is one
 * @returns null when the package has none
 * @throws {ModelInvalidError} a template cannot be read
 */
export async function loadChatTemplate(
  dir: string,
  file: TokenizerFile,
  conv: ConvTemplate | null,
): Promise<ChatTemplate | null> {
  const variables: Record<string, string> = {};
  for (const name of ["bos_token", "eos_token", "pad_token", "unk_token"]) {
    const text = readTokenText(file.config[name]);
    if (text !== null) variables[name] = text;
  }
  const jinja = await readTextInside(dir, "chat_template.jinja", MAX_TEMPLATE_BYTES);
  if (jinja !== null) {
    return compileJinjaTemplate({
      path: join(dir, "chat_template.jinja"),
      source: jinja,
      variables,
    });
  }
  const path = join(dir, "tokenizer_config.json");
  const published = readPublishedTemplates(path, file.config.chat_template);
  if (published !== null) return compileJinjaTemplate({ path, ...published, variables });
  return conv === null ? null : createConvTemplate(conv);
}

/** One text, or a list of named ones of which `default` and `tool_use` are used. */
function readPublishedTemplates(
  path: string,
  value: unknown,
): { source: string; toolUseSource?: string } | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return { source: value };
  const named = new Map<string, string>();
  for (const entry of Array.isArray(value) ? value : []) {
    if (typeof entry?.name === "string" && typeof entry?.template === "string") {
      named.set(entry.name, entry.template);
    }
  }
  const source = named.get("default");
  const toolUseSource = named.get("tool_use");
  if (source === undefined) {
    throw invalidField(path, "chat_template", value, 'a text or a list with an entry "default"');
  }
  return toolUseSource === undefined ? { source } : { source, toolUseSource };
}
