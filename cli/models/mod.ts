import type { Command } from "commander";
import type { Host } from "../host.ts";
import { addDownloadCommand } from "./download.ts";
import { addInfoCommand } from "./info.ts";
import { addListCommand } from "./list.ts";
import { addPathCommand } from "./path.ts";
import { addRemoveCommand } from "./remove.ts";

/** `ollm models …`. */
export function addModelsCommand(
  program: Command,
  host: Host,
  setExitCode: (code: number) => void,
): void {
  const models = program.command("models")
    .description("Look at models, download and delete them");
  addListCommand(models, host);
  addInfoCommand(models, host);
  addPathCommand(models, host);
  addDownloadCommand(models, host);
  addRemoveCommand(models, host, setExitCode);
}
