import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { Argument, type Command, Option } from "commander";
import { type PromptRecord, toPromptMetadata } from "../engine/mod.ts";
import { EXIT, UsageError } from "./exit.ts";
import { addSettingFlags, type FlagGroup, readSettingFlags } from "./flags.ts";
import type { Host } from "./host.ts";
import { computePlanRecord } from "./plan.ts";
import { readPrompt } from "./prompt_input.ts";
import {
  formatStats,
  loadModel,
  type PromptRun,
  runPrompt,
  toGenerationRequest,
} from "./prompt_run.ts";
import { readSettings, toAbsolutePath, toEngineSettings } from "./read_settings.ts";
import type { Flag, ResolvedSettings } from "./settings.ts";

const GROUPS: FlagGroup[] = ["model", "generation"];

/** Flags of `ollm prompt` that are not settings. */
interface PromptOptions {
  file?: string;
  stdin?: boolean;
  stream?: boolean;
  format: "text" | "json";
  output?: string;
  system: string;
  stats?: boolean;
  planJson?: boolean;
  printConfig?: boolean;
}

/** `ollm prompt`: one question, one answer, in this process. */
export function addPromptCommand(
  program: Command,
  host: Host,
  setExitCode: (code: number) => void,
): void {
  const command = program.command("prompt")
    .description("Answer one prompt")
    .addArgument(new Argument("[prompt]", "the prompt; or use --file or --stdin"))
    .option("--file <path>", "read the prompt from a UTF-8 file")
    .option("--stdin", "read the prompt from stdin")
    .option("--system <text>", "system prompt; empty for none", "You are a helpful assistant.")
    .option("--stream", "print the text as it comes (default: true)")
    .option("--no-stream", "print the text when it is complete")
    .addOption(
      new Option("--format <format>", "json prints the text with the facts of the run")
        .choices(["text", "json"]).default("text"),
    )
    .option("--output <path>", "write the reply to a file that only you can read")
    .option("--stats", "print counts and rates on stderr")
    .option("--plan-json", "print the plan instead of running")
    .option("--print-config", "print the settings in use, then run");
  addSettingFlags(command, GROUPS).action(async (argument: string | undefined, options) => {
    setExitCode(await prompt(argument, options, host));
  });
}

async function prompt(
  argument: string | undefined,
  options: PromptOptions & Record<string, unknown>,
  host: Host,
): Promise<number> {
  const settings = readSettings(host, [...readSettingFlags(options, GROUPS), streamFlag(options)]);
  const { runtime, generation } = settings.values;
  checkCombinations(options, generation.stream);
  if (options.printConfig) host.print(`${toJson({ runtime, generation })}\n`);
  if (options.planJson) {
    host.print(`${toJson(await computePlanRecord(host, settings.values))}\n`);
    return EXIT.ok;
  }
  const text = await readPrompt({ argument, file: options.file, stdin: options.stdin }, host);
  return await answer(text, options, settings, host);
}

function streamFlag({ stream }: PromptOptions): Flag {
  return { section: "generation", key: "stream", name: "--stream", value: stream };
}

function checkCombinations(options: PromptOptions, isStreaming: boolean): void {
  if (options.output === "") throw new UsageError("--output needs the path of a file");
  if (options.format === "json" && isStreaming && !options.planJson) {
    throw new UsageError(
      "--format json needs --no-stream: a JSON reply is printed when it is complete",
    );
  }
  if (options.planJson && (options.output !== undefined || options.printConfig)) {
    throw new UsageError(
      "--plan-json prints nothing but the plan: leave --output and --print-config out",
    );
  }
}

async function answer(
  text: string,
  options: PromptOptions,
  settings: ResolvedSettings,
  host: Host,
): Promise<number> {
  const { runtime, generation } = settings.values;
  if (options.output !== undefined) tryToWrite(toAbsolutePath(options.output, host));
  const engine = host.createEngine(toEngineSettings(settings.values, host));
  const interrupt = new AbortController();
  const stopListening = host.onInterrupt(() => interrupt.abort());
  try {
    await orAbort(loadModel(engine, runtime.model_reference, host), interrupt.signal);
    const request = toGenerationRequest(text, options.system, settings);
    const run = await runPrompt(engine, request, {
      signal: interrupt.signal,
      ...(generation.stream ? { onText: host.print } : {}),
    });
    if (generation.stream) host.print("\n");
    if (run.finish.reason === "cancelled") return EXIT.interrupted;
    const plan = await engine.plan({ model: runtime.model_reference });
    const metadata = toPromptMetadata(plan, run.finish);
    deliver(run, { text: run.text, metadata }, options, generation.stream, host);
    if (options.stats) host.printError(`${formatStats(run)}\n`);
    return EXIT.ok;
  } finally {
    stopListening();
    await engine.close();
  }
}

/** The promise, or the signal's reason as an error, whichever comes first. */
function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/** Prints or writes a complete reply; what was streamed is not printed again. */
function deliver(
  run: PromptRun,
  record: PromptRecord,
  options: PromptOptions,
  isStreamed: boolean,
  host: Host,
): void {
  const isJson = options.format === "json";
  if (isJson && options.stats) record.metadata.stats = formatStats(run);
  const body = isJson ? `${toJson(record)}\n` : record.text;
  if (options.output !== undefined) {
    writePrivately(toAbsolutePath(options.output, host), body);
  } else if (!isStreamed) {
    host.print(isJson ? body : `${body}\n`);
  }
}

/** Fails now, and not when the reply is there, where no file can be written. */
function tryToWrite(path: string): void {
  let isNew = false;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    isNew = !existsSync(path);
    Deno.openSync(path, { create: true, append: true, mode: 0o600 }).close();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot write the reply to ${path}: ${why}`, { cause });
  }
  if (isNew) Deno.removeSync(path);
}

/** Replies may be confidential: nobody else may read the file or list a folder made for it. */
function writePrivately(path: string, text: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  Deno.writeTextFileSync(path, text, { mode: 0o600 });
}

function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
