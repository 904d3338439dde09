/**
 * Valid model packages, and one file of them damaged: bytes, JSON values or a chat template.
 *
 * @module
 */
import { createPackageFixture } from "../mlc_package.ts";
import {
  byteLevelTokenizer,
  sentencePieceTokenizer,
  unigramTokenizer,
  wordPieceTokenizer,
} from "../tokenizer.ts";
import { readTemplate } from "../text_model.ts";
import type { Choose } from "./choose.ts";
import { damage, type Value, writeJson } from "./json_text.ts";
import { mutate } from "./mutate.ts";
import { damageTemplate } from "./template_text.ts";

/** Files of a package; JSON files by their value. */
export interface FuzzPackage {
  json: Record<string, Value>;
  /** `chat_template.jinja`, where there is one. */
  template: string | null;
  /** Shards. */
  binary: Record<string, Uint8Array>;
}

/** A damaged file. */
export interface DamagedFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

const CONV_TEMPLATE = {
  name: "llama-2",
  system_template: "[INST] <<SYS>>\n{system_message}\n<</SYS>>\n\n",
  system_message: "Be brief.",
  system_prefix_token_ids: [1],
  add_role_after_system_message: false,
  roles: { user: "<s>[INST]", assistant: "[/INST]", tool: "[INST]" },
  role_templates: { user: "{function_string}{user_message}", tool: "{tool_message}" },
  seps: [" ", " </s>"],
  role_content_sep: " ",
  role_empty_sep: " ",
  stop_str: ["[INST]"],
  stop_token_ids: [2],
};

/** One package of each kind of tokenizer. */
export function createFuzzPackages(): FuzzPackage[] {
  const config = { bos_token: "<s>", eos_token: { content: "</s>" }, add_bos_token: true };
  const chatml = readTemplate("qwen2_5.jinja");
  return [
    createPackage({ "tokenizer.json": byteLevelTokenizer(), "tokenizer_config.json": config }, {
      template: chatml,
    }),
    createPackage({ "tokenizer.json": byteLevelTokenizer() }, {
      template: readTemplate("mistral_v0_3.jinja"),
    }),
    createPackage({ "tokenizer.json": sentencePieceTokenizer() }, { conv: CONV_TEMPLATE }),
    createPackage({
      "tokenizer.json": unigramTokenizer("first"),
      "tokenizer_config.json": {
        ...config,
        chat_template: [
          { name: "default", template: "{% for m in messages %}{{ m.content }}{% endfor %}" },
          { name: "tool_use", template: chatml },
        ],
      },
    }, {}),
    createPackage({ "tokenizer.json": wordPieceTokenizer(["hello", "##s", "a"]) }, {}),
  ];
}

function createPackage(
  files: Record<string, unknown>,
  { template = null, conv }: { template?: string | null; conv?: Record<string, unknown> },
): FuzzPackage {
  const fixture = createPackageFixture();
  Object.assign(fixture.config, { vocab_size: 512, ...(conv ? { conv_template: conv } : {}) });
  const json = {
    "mlc-chat-config.json": fixture.config,
    // Both names of the index are in use.
    [conv === undefined ? "tensor-cache.json" : "ndarray-cache.json"]: fixture.index,
    ...files,
  };
  return {
    // Values that JSON cannot hold fall away here.
    json: JSON.parse(JSON.stringify(json)),
    template,
    binary: Object.fromEntries(
      fixture.shards.map((bytes, i) => [`params_shard_${i}.bin`, bytes]),
    ),
  };
}

/** Parts of a tokenizer that ask for much time, much memory, or what is not there. */
const HOSTILE_PARTS: [field: "normalizer" | "pre_tokenizer" | "post_processor", value: Value][] = [
  ["normalizer", sequence("normalizers", 60, replaceStep({ String: "l" }, "ll"))],
  ["normalizer", sequence("normalizers", 60, replaceStep({ Regex: "." }, "xx"))],
  ["normalizer", sequence("normalizers", 5000, { type: "NFC" })],
  ["normalizer", replaceStep({ Regex: "(a|a)*$" }, "")],
  ["normalizer", replaceStep({ String: "" }, "x".repeat(100_000))],
  ["normalizer", { type: "Prepend", prepend: "\u2581".repeat(64) }],
  ["normalizer", { type: "Precompiled", precompiled_charsmap: "AAAA" }],
  ["pre_tokenizer", splitStep("(?:a|a)*b|.")],
  ["pre_tokenizer", splitStep("((.{0,9}){0,9}){0,9}x")],
  ["pre_tokenizer", splitStep("(((((a{1000}){1000}){1000}){1000}))")],
  ["pre_tokenizer", splitStep("(".repeat(3000) + ")".repeat(3000))],
  ["pre_tokenizer", splitStep("[[[[a]&&[^b]]--c]]")],
  ["pre_tokenizer", splitStep("")],
  ["pre_tokenizer", splitStep("(?<=a)b(?=cd)\\1")],
  ["pre_tokenizer", { type: "Metaspace", replacement: "", prepend_scheme: "first" }],
  ["pre_tokenizer", { type: "CharDelimiterSplit", delimiter: "" }],
  ["post_processor", { type: "TemplateProcessing", single: [{ Sequence: { id: "A" } }] }],
  ["post_processor", sequence("processors", 64, { type: "ByteLevel" })],
];

function sequence(listName: string, count: number, step: Value): Value {
  return { type: "Sequence", [listName]: Array.from({ length: count }, () => step) };
}

function replaceStep(pattern: Value, content: string): Value {
  return { type: "Replace", pattern, content };
}

function splitStep(regex: string): Value {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}

/** Damages one file of a package. */
export function damageFile(pkg: FuzzPackage, choose: Choose): DamagedFile {
  if (pkg.template !== null && choose.chance(0.3)) {
    return { name: "chat_template.jinja", bytes: encode(damageTemplate(pkg.template, choose)) };
  }
  const name = choose.of(Object.keys(pkg.json));
  const value = name === "tokenizer.json" && choose.chance(0.15)
    ? makeHostile(pkg.json[name]!, choose)
    : pkg.json[name]!;
  const doublesKey = choose.chance(0.05);
  if (choose.chance(0.25)) return { name, bytes: damageBytes(writeJson(value), choose) };
  return {
    name,
    bytes: encode(writeJson(mutate(value, choose, listFields(value)), { doublesKey })),
  };
}

function makeHostile(tokenizer: Value, choose: Choose): Value {
  const [field, value] = choose.of(HOSTILE_PARTS);
  return { ...tokenizer as Record<string, Value>, [field]: value };
}

/** One to four changes to the bytes. */
function damageBytes(text: string, choose: Choose): Uint8Array<ArrayBuffer> {
  let bytes = damage(text, choose);
  if (bytes.length > 0 && choose.chance(0.5)) {
    bytes = bytes.slice();
    for (let i = choose.below(4); i >= 0; i--) {
      bytes[choose.below(bytes.length)]! ^= 1 << choose.below(8);
    }
  }
  return bytes;
}

/** Names of all fields at any depth, each once. */
function listFields(value: Value): string[] {
  const names = new Set<string>(["__proto__", "type", "id"]);
  const visit = (value: Value) => {
    if (Array.isArray(value)) return value.slice(0, 8).forEach(visit);
    if (typeof value !== "object" || value === null) return;
    for (const [name, field] of Object.entries(value)) {
      if (names.size < 400) names.add(name);
      visit(field);
    }
  };
  visit(value);
  return [...names];
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
