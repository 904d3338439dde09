import type { Command } from "commander";
import { UsageError } from "../exit.ts";
import { addSettingFlags, type FlagGroup } from "../flags.ts";
import type { Host } from "../host.ts";
import { type Options, withEngine } from "./engine.ts";

const GROUPS: FlagGroup[] = ["modelsDir"];

/** `ollm models path`. */
export function addPathCommand(models: Command, host: Host): void {
  const command = models.command("path")
    .description("Print the directory of a model, whether or not it is there")
    .argument("<reference>", "alias, hub repository, or path");
  addSettingFlags(command, GROUPS).action(async (reference: string, options: Options) => {
    const { path, message } = await withEngine(
      host,
      options,
      GROUPS,
      (engine) => engine.inspectModel(reference),
    );
    if (path === null) throw new UsageError(`"${reference}" has no directory: ${message}`);
    host.print(`${path}\n`);
  });
}
