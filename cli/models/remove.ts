import type { Command } from "commander";
import type { Engine, ModelInfo } from "../../engine/mod.ts";
import { EXIT, UsageError } from "../exit.ts";
import { addSettingFlags, type FlagGroup } from "../flags.ts";
import { formatBytes } from "../format_bytes.ts";
import type { Host } from "../host.ts";
import { measureDirectory } from "./disk.ts";
import { type Options, withEngine } from "./engine.ts";

const GROUPS: FlagGroup[] = ["modelsDir"];

/** `ollm models rm`. */
export function addRemoveCommand(
  models: Command,
  host: Host,
  setExitCode: (code: number) => void,
): void {
  const command = models.command("rm")
    .description("Delete a downloaded model, and its compiled library if no other model uses it")
    .argument("<reference>", "alias or hub repository")
    .option("--yes", "do not ask");
  addSettingFlags(command, GROUPS).action(async (reference: string, options: Options) => {
    setExitCode(
      await withEngine(host, options, GROUPS, (engine) => remove(engine, reference, options, host)),
    );
  });
}

async function remove(
  engine: Engine,
  reference: string,
  { yes }: Options,
  host: Host,
): Promise<number> {
  const model = await engine.inspectModel(reference);
  if (!yes && !(await isConfirmed(model, host))) {
    host.printError("ollm: Nothing was deleted\n");
    return EXIT.failure;
  }
  const numBytes = await engine.remove(reference);
  host.print(`Deleted ${reference}: ${formatBytes(numBytes)} freed\n`);
  return EXIT.ok;
}

/** Asks only about what can be deleted; the engine says why the rest cannot. */
async function isConfirmed({ repository, path }: ModelInfo, host: Host): Promise<boolean> {
  const numBytes = repository === null ? null : await measureDirectory(path);
  if (numBytes === null) return true;
  if (!host.isStdinTerminal) {
    throw new UsageError("Nobody can be asked without a terminal: give --yes to delete the model");
  }
  return host.confirm(`Delete ${path} (${formatBytes(numBytes)})?`);
}
