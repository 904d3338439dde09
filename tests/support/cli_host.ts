/**
 * A command line without a process: what goes in is given, what comes out is kept.
 *
 * @module
 */
import { main, type MainOptions } from "../../cli/main.ts";
import type { EngineSettings, Host } from "../../cli/host.ts";
import { createStubEngine, type StubEngine, type StubOptions } from "./stub_engine.ts";

/** Options of {@linkcode runCli}. */
export interface RunCliOptions {
  env?: Record<string, string>;
  /** @default an empty folder's name that does not exist */
  cwd?: string;
  /** Text on stdin; absent means a person at a terminal. */
  stdin?: string;
  stub?: StubOptions;
  serve?: MainOptions["serve"];
  /** What the person answers to a question. @default false */
  confirms?: boolean;
  /** Presses Ctrl-C as soon as the model starts to load or to come, or the first text is printed. */
  interrupts?: "load" | "download" | "text";
  /** Changes what the stub answers. */
  prepare?: (engine: StubEngine) => void;
}

/** What a command left. */
export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
  engine: StubEngine;
  /** What the engine was created with, if it was. */
  engineSettings: EngineSettings | undefined;
}

/** Runs a command on a stub engine. */
export async function runCli(args: string[], options: RunCliOptions = {}): Promise<CliResult> {
  const engine = createStubEngine(options.stub);
  const result: CliResult = { code: -1, stdout: "", stderr: "", engine, engineSettings: undefined };
  let onInterrupt = () => {};
  if (options.interrupts === "load") {
    engine.load = () => {
      onInterrupt();
      return new Promise(() => {});
    };
  }
  if (options.interrupts === "download") {
    engine.download = (_reference, { signal } = {}) => {
      onInterrupt();
      return signal?.aborted ? Promise.reject(signal.reason) : new Promise(() => {});
    };
  }
  options.prepare?.(engine);
  const host: Host = {
    env: options.env ?? {},
    cwd: options.cwd ?? "/nowhere",
    isStdinTerminal: options.stdin === undefined,
    isStderrTerminal: false,
    confirm(question) {
      result.stderr += `${question}\n`;
      return options.confirms ?? false;
    },
    readStdin: () => Promise.resolve(options.stdin ?? ""),
    print: (text) => {
      result.stdout += text;
      if (options.interrupts === "text") onInterrupt();
    },
    printError: (text) => {
      result.stderr += text;
    },
    onInterrupt(callback) {
      onInterrupt = callback;
      return () => onInterrupt = () => {};
    },
    createEngine: (settings) => {
      result.engineSettings = settings;
      return engine;
    },
  };
  const { serve } = options;
  result.code = await main(args, { host, version: "1.2.3", ...(serve ? { serve } : {}) });
  return result;
}
