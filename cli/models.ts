import type { Command } from "commander";
import { type ModelInfo, toModelRecord } from "../engine/mod.ts";
import { addSettingFlags, type FlagGroup, readSettingFlags } from "./flags.ts";
import type { EngineSettings, Host } from "./host.ts";
import { readSettings, toEngineSettings } from "./read_settings.ts";

const GROUPS: FlagGroup[] = ["modelsDir"];

/** `ollm models list`. */
export function addModelsCommand(program: Command, host: Host): void {
  const models = program.command("models").description("Look at the models on this machine");
  const list = models.command("list")
    .description("List the built-in models and those under the models folder")
    .option("--installed", "only those whose files are here")
    .option("--json", "print JSON");
  addSettingFlags(list, GROUPS).action(async (options) => {
    const { values } = readSettings(host, readSettingFlags(options, GROUPS));
    const found = await listModels(host, toEngineSettings(values, host));
    const shown = options.installed ? found.filter((model) => model.materialized) : found;
    host.print(options.json ? toJson(shown) : toLines(shown));
  });
}

async function listModels(host: Host, settings: EngineSettings): Promise<ModelInfo[]> {
  const engine = host.createEngine(settings);
  try {
    return await engine.listModels();
  } finally {
    await engine.close();
  }
}

function toJson(models: ModelInfo[]): string {
  return `${JSON.stringify({ models: models.map(toModelRecord) }, null, 2)}\n`;
}

function toLines(models: ModelInfo[]): string {
  return models.map(({ reference, discoverySource, supportLevel, message }) =>
    `${reference} [${discoverySource}] ${supportLevel}: ${message}\n`
  ).join("");
}
