import type { Command } from "commander";
import { showDownloadProgress } from "../download_progress.ts";
import { addSettingFlags, type FlagGroup } from "../flags.ts";
import type { Host } from "../host.ts";
import { type Options, withEngine } from "./engine.ts";

const GROUPS: FlagGroup[] = ["modelsDir", "backend", "hub"];

/** `ollm models download`. */
export function addDownloadCommand(models: Command, host: Host): void {
  const command = models.command("download")
    .description("Fetch a model, or what is missing of it, without running it")
    .argument("<reference>", "alias or hub repository, as in org/name@revision")
    .option("--force", "fetch it again although it is here");
  addSettingFlags(command, GROUPS).action(async (reference: string, options: Options) => {
    const interrupt = new AbortController();
    const stopListening = host.onInterrupt(() => interrupt.abort());
    const view = showDownloadProgress({
      isTerminal: host.isStderrTerminal,
      write: host.printError,
    });
    try {
      const { path } = await withEngine(
        host,
        options,
        GROUPS,
        (engine) =>
          engine.download(reference, {
            force: options.force === true,
            signal: interrupt.signal,
            onProgress: view.update,
          }),
      );
      view.end();
      host.print(`${reference}: ${path}\n`);
    } finally {
      view.end();
      stopListening();
    }
  });
}
