/**
 * Opens damaged packages one after another and uses what opens, checking that each ends well: it works, or a clear error says
 * which file is at fault.
 *
 * `OLLM_FUZZ_SEED` says which damages.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { InvalidRequestError, ModelInvalidError } from "../../../engine/errors.ts";
import { openPackage } from "../../../engine/formats/mod.ts";
import { loadTextModel, type TextModel } from "../../../engine/text/mod.ts";
import type { ChatMessage, ToolDefinition } from "../../../engine/types.ts";
import { makeTestDir } from "../test_dir.ts";
import { createChoose } from "./choose.ts";
import {
  createFuzzPackages,
  type DamagedFile,
  damageFile,
  type FuzzPackage,
} from "./package_files.ts";

const SEED = Number(Deno.env.get("OLLM_FUZZ_SEED") ?? 1);
/** A message is read by people. */
const MAX_MESSAGE_LENGTH = 1200;
/** What requests are refused with when the package opened; the template or the tokenizer is at fault, or its limits. */
const REFUSAL =
  /^(The model's chat template|Cannot render these messages|Cannot tokenize the text|The model has no chat template)/;

/** A run stops when it has seen this many. */
const MAX_FAULTS = 10;

/** What a run has seen. */
export interface PackageFuzzReport {
  seed: number;
  numFiles: number;
  /** How many opened and worked, were refused at loading, were refused at use. */
  outcomes: Record<"worked" | "invalid" | "refused", number>;
  /** By the processor's time. */
  slowest: { ms: number; index: number; file: string };
  /** Largest resident memory, in bytes, and what there was before. */
  peakRss: number;
  firstRss: number;
}

/**
 * Runs a number of damaged files.
 *
 * @throws {AggregateError} an error for each file whose outcome was not sound, with its number
 */
export async function runPackageFuzz(numFiles: number): Promise<PackageFuzzReport> {
  const choose = createChoose(SEED);
  const packages = createFuzzPackages().map((pkg) => ({ pkg, dir: writeFiles(pkg) }));
  const firstRss = Deno.memoryUsage().rss;
  const report: PackageFuzzReport = {
    seed: SEED,
    numFiles,
    outcomes: { worked: 0, invalid: 0, refused: 0 },
    slowest: { ms: 0, index: -1, file: "" },
    peakRss: firstRss,
    firstRss,
  };
  const faults: unknown[] = [];
  for (let index = 0; index < numFiles && faults.length < MAX_FAULTS; index++) {
    const { pkg, dir } = choose.of(packages);
    const file = damageFile(pkg, choose);
    Deno.writeFileSync(`${dir}/${file.name}`, file.bytes);
    const started = cpuMs();
    try {
      report.outcomes[await tryPackage(dir, file, index)]++;
    } catch (error) {
      faults.push(error);
    }
    const ms = cpuMs() - started;
    if (ms > report.slowest.ms) report.slowest = { ms, index, file: file.name };
    report.peakRss = Math.max(report.peakRss, Deno.memoryUsage().rss);
    restore(pkg, dir, file.name);
  }
  if (faults.length > 0) throw new AggregateError(faults, `${faults.length} files end badly`);
  assert.deepEqual(Object.keys(Object.prototype), [], "a file has changed all objects");
  return report;
}

/** Time that this process has computed: unlike the clock's, it does not count who else is on the machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function tryPackage(
  dir: string,
  file: DamagedFile,
  index: number,
): Promise<"worked" | "invalid" | "refused"> {
  try {
    const text = await loadTextModel(await openPackage(dir));
    return usePackage(text, dir);
  } catch (error) {
    try {
      checkError(error, dir);
    } catch (fault) {
      const content = new TextDecoder().decode(file.bytes.subarray(0, 1500));
      throw new Error(`File ${index} of seed ${SEED}, ${file.name}:\n${content}`, { cause: fault });
    }
    return error instanceof InvalidRequestError ? "refused" : "invalid";
  }
}

function checkError(error: unknown, dir: string): void {
  assert.ok(
    error instanceof ModelInvalidError || error instanceof InvalidRequestError,
    `another error: ${error instanceof Error ? error.stack : error}`,
  );
  const { message } = error;
  assert.ok(message.length <= MAX_MESSAGE_LENGTH, `a message of ${message.length} characters`);
  if (error instanceof ModelInvalidError) assert.ok(message.includes(dir), `no file: ${message}`);
  else assert.match(message, REFUSAL);
}

const TEXT = "Hello <|im_end|> </s> [CLS] Grüße 🙂 123  \n日本 \u0000";
const MESSAGES: ChatMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: TEXT },
  {
    role: "assistant",
    content: "",
    toolCalls: [{ id: "abc123def", name: "f", arguments: '{"a": [1, null]}' }],
  },
  { role: "tool", content: "3", toolCallId: "abc123def" },
  { role: "user", content: "hello" },
];
const TOOLS: ToolDefinition[] = [{ name: "f", parameters: { type: "object", properties: {} } }];

/** Everything that a request does with a package; what one part refuses, another may take. */
function usePackage(text: TextModel, dir: string): "worked" | "refused" {
  let outcome: "worked" | "refused" = "worked";
  const ids: number[] = [];
  for (
    const encode of [
      () => text.encodeText(TEXT),
      () => text.encodeForEmbedding(TEXT),
      () => text.encodeChat(MESSAGES),
      () => text.encodeChat(MESSAGES.slice(1, 2), TOOLS),
    ]
  ) {
    try {
      ids.push(...encode());
    } catch (error) {
      checkError(error, dir);
      outcome = "refused";
    }
  }
  for (const id of ids) assert.ok(id >= 0 && id < text.vocabSize, `the id ${id}`);
  const detokenizer = text.createDetokenizer({ stop: text.stopStrings });
  for (const id of [...ids.slice(0, 500), text.vocabSize - 1, 0]) detokenizer.push(id);
  detokenizer.flush();
  for (const id of text.eosTokenIds) text.markedTokenBytes(id);
  return outcome;
}

function writeFiles(pkg: FuzzPackage): string {
  const dir = makeTestDir();
  for (const name of [...Object.keys(pkg.json), "chat_template.jinja"]) restore(pkg, dir, name);
  for (const [name, bytes] of Object.entries(pkg.binary)) {
    Deno.writeFileSync(`${dir}/${name}`, bytes);
  }
  return dir;
}

function restore(pkg: FuzzPackage, dir: string, name: string): void {
  const content = name === "chat_template.jinja" ? pkg.template : JSON.stringify(pkg.json[name]);
  if (content !== null) Deno.writeTextFileSync(`${dir}/${name}`, content);
}
