import { UsageError } from "./exit.ts";
import type { Host } from "./host.ts";
import { toAbsolutePath } from "./read_settings.ts";

/** Where a prompt may come from; at most one is set. */
export interface PromptSources {
  argument: string | undefined;
  file: string | undefined;
  stdin: boolean | undefined;
}

/**
 * Reads the prompt, as it is: not trimmed.
 *
 * @throws {UsageError} several sources, or none while a person sits at the terminal
 */
export async function readPrompt(sources: PromptSources, host: Host): Promise<string> {
  const { argument, file, stdin } = sources;
  const given = [argument !== undefined, file !== undefined, stdin === true].filter(Boolean);
  if (given.length > 1) {
    throw new UsageError("Several prompts were given: use only one of PROMPT, --file and --stdin");
  }
  if (argument !== undefined) return argument;
  if (file !== undefined) return await readTextFile(file, host);
  if (stdin || !host.isStdinTerminal) return await host.readStdin();
  throw new UsageError('There is no prompt: give one, as in ollm prompt "List three planets"');
}

async function readTextFile(path: string, host: Host): Promise<string> {
  const bytes = await Deno.readFile(toAbsolutePath(path, host));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error(`Cannot read the prompt from ${path}: it is not UTF-8`, { cause: error });
  }
}
