import type { Command } from "commander";
import { type PlanRecord, toPlanRecord } from "../engine/mod.ts";
import { addSettingFlags, type FlagGroup, readSettingFlags } from "./flags.ts";
import type { Host } from "./host.ts";
import { readSettings, toEngineSettings } from "./read_settings.ts";
import type { Settings } from "./settings_keys.ts";

const GROUPS: FlagGroup[] = ["model"];

/** `ollm plan`: what loading would do, as JSON, without loading. */
export function addPlanCommand(program: Command, host: Host): void {
  const command = program.command("plan")
    .description("Print what loading the model would do, as JSON, without loading it");
  addSettingFlags(command, GROUPS).action(async (options) => {
    const { values } = readSettings(host, readSettingFlags(options, GROUPS));
    host.print(`${JSON.stringify(await computePlanRecord(host, values), null, 2)}\n`);
  });
}

/** The plan as it is printed. */
export async function computePlanRecord(host: Host, settings: Settings): Promise<PlanRecord> {
  const { model_reference: model, backend } = settings.runtime;
  const engineSettings = toEngineSettings(settings, host);
  const engine = host.createEngine(engineSettings);
  try {
    return toPlanRecord(await engine.plan({ model, ...(backend === null ? {} : { backend }) }), {
      model_reference: model,
      models_dir: engineSettings.modelsDir,
      backend,
      context_length: null,
      max_sequences: null,
    });
  } finally {
    await engine.close();
  }
}
