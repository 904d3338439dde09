/**
 * Runs the parts of a comparison as processes of their own, so that no engine warms or crowds another.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Root of this checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs a script that takes its options as JSON and prints its result as a line of JSON.
 *
 * @param script path of the script
 * @param flags of `deno run`
 * @throws {Error} it failed; with the end of what it said
 */
export async function runCase<Options, Result>(
  script: string,
  options: Options,
  flags: string[] = [],
): Promise<Result> {
  const args = ["run", "-A", ...flags, script, JSON.stringify(options)];
  const text = await output(Deno.execPath(), args);
  return JSON.parse(text.split("\n").at(-1)!);
}

/** What a command prints. */
export async function output(command: string, args: string[], cwd = ROOT): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (code === 0) return new TextDecoder().decode(stdout).trim();
  const end = new TextDecoder().decode(stderr).trim().split("\n").slice(-15).join("\n");
  throw new Error(`${command} ${args.slice(0, 4).join(" ")} failed: ${end}`);
}

/** Short name of the commit, with `+` where files were changed. */
export async function describeCommit(): Promise<string> {
  const commit = await output("git", ["rev-parse", "--short", "HEAD"]);
  return await output("git", ["status", "--porcelain", "-uno"]) === "" ? commit : `${commit}+`;
}
