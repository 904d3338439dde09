/**
 * Compiles the program with everything that it reads at run time (`compile` in `deno.json`) into the binary `dist/ollm`:
 *
 *     deno task compile [options of deno compile]
 *
 * @module
 */
import { join } from "node:path";

const ROOT = new URL("../../", import.meta.url);
const OUTPUT = "dist/ollm";

/**
 * Package → a folder of it that stays out. `deno compile` parses each file without an extension as a script. In this one are the
 * numbers for a test, 200,000 lines of them: where a line begins with a minus it goes on with the one before, and so deep a
 * subtraction ends the compiler with "has overflowed its stack".
 */
const LEFT_OUT = { bintrees: "test" };

async function main(args: string[]): Promise<number> {
  // What is left out has to be named by its path, so the packages must be there before.
  const cached = await runDeno(["cache", "--quiet", "main.ts"]);
  if (!cached.success) return cached.code;
  const info = await runDeno(["info", "--json"], "piped");
  const { npmCache }: { npmCache: string } = JSON.parse(new TextDecoder().decode(info.stdout));
  const hasOutput = args.some((arg) => /^(-o|--output)(=|$)/.test(arg));
  const compiled = await runDeno([
    "compile",
    "--allow-all",
    ...findLeftOut(npmCache).flatMap((path) => ["--exclude", path]),
    ...hasOutput ? [] : ["--output", OUTPUT],
    ...args,
    "main.ts",
  ]);
  return compiled.code;
}

async function runDeno(
  args: string[],
  stdout: "inherit" | "piped" = "inherit",
): Promise<Deno.CommandOutput> {
  const options = { args, cwd: ROOT, stdout, stderr: "inherit" } as const;
  return await new Deno.Command(Deno.execPath(), options).output();
}

/** Real paths: `deno compile` compares those. Below the cache lie registries, packages and versions. */
function findLeftOut(npmCache: string): string[] {
  return Object.entries(LEFT_OUT).flatMap(([name, folder]) =>
    listFolders(npmCache)
      .flatMap((registry) => listFolders(join(registry, name)))
      .map((version) => join(version, folder))
  );
}

function listFolders(path: string): string[] {
  try {
    const folder = Deno.realPathSync(path);
    return [...Deno.readDirSync(folder)]
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => join(folder, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // a registry without this package
    throw error;
  }
}

Deno.exit(await main(Deno.args));
