/**
 * What a command needs of the outside: streams, environment, files' root, signals, and an engine. Tests give their own.
 *
 * @module
 */
import type { Engine, HubOptions, SpeculationSetting } from "../engine/mod.ts";

/** What the command line tells the engine. */
export interface EngineSettings {
  /** Models folder, absolute. */
  modelsDir: string;
  /** Output tokens of a request that names no bound; a short context lowers it. */
  defaultMaxTokens: number;
  /** What runs the models; absent lets the plan choose. */
  backend?: string;
  /** Compiled library, absolute; absent takes the catalog's. */
  library?: string;
  /** Whether models are fetched again although they are here. */
  forceDownload: boolean;
  /** How long a model stays loaded after its last request, in ms; absent keeps it until another needs the room. */
  keepAliveMs?: number;
  /** Models at once; absent takes the engine's own bound. */
  maxLoadedModels?: number;
  /** Device memory of all models together; absent sets no bound. */
  memoryBudgetBytes?: number;
  /** Whether likely tokens are guessed ahead. */
  speculation: SpeculationSetting;
  /** Where models are downloaded from. */
  hub: HubOptions;
}

/** The world of one command. */
export interface Host {
  env: Readonly<Record<string, string>>;
  /** Working directory, absolute. */
  cwd: string;
  /** Whether a person types. */
  isStdinTerminal: boolean;
  /** Whether a person watches the messages. */
  isStderrTerminal: boolean;
  /** All of stdin as text. */
  readStdin(): Promise<string>;
  /** Asks the person at the terminal a question that yes or no answers. */
  confirm(question: string): boolean;
  /** Writes to stdout. */
  print(text: string): void;
  /** Writes to stderr. */
  printError(text: string): void;
  /**
   * Calls back at Ctrl-C.
   *
   * @returns stops that
   */
  onInterrupt(callback: () => void): () => void;
  createEngine(settings: EngineSettings): Engine;
}

/** The process's own world. */
export function createDenoHost(createEngine: Host["createEngine"]): Host {
  return {
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
    isStdinTerminal: Deno.stdin.isTerminal(),
    isStderrTerminal: Deno.stderr.isTerminal(),
    readStdin: async () => toText(await new Response(Deno.stdin.readable).bytes()),
    confirm: (question) => confirm(question),
    print: (text) => writeAll(Deno.stdout, "stdout", text),
    printError: (text) => writeAll(Deno.stderr, "stderr", text),
    onInterrupt(callback) {
      Deno.addSignalListener("SIGINT", callback);
      return () => Deno.removeSignalListener("SIGINT", callback);
    },
    createEngine,
  };
}

/** @throws {Error} it is not UTF-8 */
function toText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error("Cannot read stdin: it is not UTF-8", { cause });
  }
}

function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  name: string,
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += stream.writeSync(bytes.subarray(written));
    }
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof Deno.errors.BrokenPipe) throw cause;
    throw new Error(`Cannot write to ${name}: ${cause.message}`, { cause });
  }
}
