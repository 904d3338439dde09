/**
 * The command line. Run by `main.ts` with the server in hand, or directly for everything else:
 * `deno run -A cli/main.ts prompt "List three planets"`.
 *
 * @module
 */
import { Command } from "commander";
import { createEngine } from "../engine/mod.ts";
import { EXIT, toErrorLine, toExitCode } from "./exit.ts";
import { createDenoHost, type Host } from "./host.ts";
import { addModelsCommand } from "./models/mod.ts";
import { addPlanCommand } from "./plan.ts";
import { addPromptCommand } from "./prompt.ts";
import { addServeCommand, type Serve } from "./serve.ts";

/** Options of {@linkcode main}. */
export interface MainOptions {
  /** Runs the server; without it `serve` says where the server is. */
  serve?: Serve;
  /** Printed by `--version`, which is absent without it. */
  version?: string;
  /**
   * The command's surroundings.
   * @default the process's own
   */
  host?: Host;
}

/**
 * Runs one command.
 *
 * @param args without the program's name
 * @returns the exit code; whatever fails has been said on stderr in one line
 */
export async function main(args: string[], options: MainOptions = {}): Promise<number> {
  const host = options.host ?? createDenoHost(createEngine);
  let exitCode: number = EXIT.ok;
  const program = createProgram(host, options, (code) => exitCode = code);
  try {
    if (args.length === 0) {
      host.printError(program.helpInformation());
      return EXIT.usage;
    }
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    const line = toErrorLine(error);
    if (line !== "") host.printError(`${line}\n`);
    return toExitCode(error);
  }
}

function createProgram(
  host: Host,
  { serve, version }: MainOptions,
  setExitCode: (code: number) => void,
): Command {
  const program = new Command("ollm")
    .description("Runs language models on WebGPU: a local server and a command line")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.print(text),
      writeErr: (text) => host.printError(text),
      outputError: (text, write) => write(text.replace(/^error: /, "ollm: ")),
    });
  if (version !== undefined) program.version(version, "--version", "print the version");
  addPromptCommand(program, host, setExitCode);
  addPlanCommand(program, host);
  addServeCommand(program, host, serve);
  addModelsCommand(program, host, setExitCode);
  return program;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
