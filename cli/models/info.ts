import type { Command } from "commander";
import { type ModelInfoRecord, toModelInfoRecord, toPlanRecord } from "../../engine/mod.ts";
import { UsageError } from "../exit.ts";
import { addSettingFlags, type FlagGroup, readSettingFlags } from "../flags.ts";
import { formatBytes } from "../format_bytes.ts";
import type { Host } from "../host.ts";
import { readSettings, toEngineSettings } from "../read_settings.ts";
import { addSpecializationFlag, type Options, toPlanOptions, withEngine } from "./engine.ts";

const GROUPS: FlagGroup[] = ["modelsDir", "backend"];

/** `ollm models info`. */
export function addInfoCommand(models: Command, host: Host): void {
  const command = models.command("info")
    .description("Show what is known of a model, and how it would be run")
    .argument("<reference>", "alias, hub repository, or path")
    .option("--json", "print JSON")
    .option("--plan-json", "print the plan as JSON");
  addSettingFlags(addSpecializationFlag(command), GROUPS)
    .action(async (reference: string, options: Options) => {
      if (options.json && options.planJson) {
        throw new UsageError(
          "--json and --plan-json print different things: leave one of them out",
        );
      }
      host.print(await describe(reference, options, host));
    });
}

async function describe(reference: string, options: Options, host: Host): Promise<string> {
  const planOptions = toPlanOptions(options, host);
  const plan = await withEngine(
    host,
    options,
    GROUPS,
    (engine) => engine.plan({ ...planOptions, model: reference }),
  );
  if (options.planJson) {
    const { values } = readSettings(host, readSettingFlags(options, GROUPS));
    return toJson(toPlanRecord(plan, {
      model_reference: reference,
      models_dir: toEngineSettings(values, host).modelsDir,
      backend: planOptions.backend ?? null,
      context_length: null,
      max_sequences: null,
    }));
  }
  const { discovery_source: _, ...record } = toModelInfoRecord(plan);
  return options.json ? toJson(record) : toLines(record);
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function toLines(record: Omit<ModelInfoRecord, "discovery_source">): string {
  const { runtime_plan: plan, library } = record;
  const lines: [key: string, value: string | number | boolean | null | undefined][] = [
    ["reference", record.model_reference],
    ["normalized", record.normalized_name],
    ["source", record.source_kind],
    ["materialized", record.materialized],
    ["support", record.support_level],
    ["specialization", record.supports_specialization],
    ["task", record.task],
    ["generic-kind", record.generic_model_kind],
    ["architecture", record.architecture],
    ["model-type", record.model_type],
    ["quantization", record.quantization],
    ["context-length", record.context_length],
    ["memory", record.memory_bytes === null ? null : formatBytes(record.memory_bytes)],
    ["required-features", record.required_features.join(", ") || null],
    ["repo", record.repo_id],
    ["revision", record.revision],
    ["path", record.path],
    ["library", library?.path],
    ["library-url", library?.url],
    ["backend", plan.backend_id ?? "none"],
    ["specialization-state", plan.specialization_state],
    ["planned-passes", plan.planned_specialization_pass_ids.join(", ") || "none"],
    ["modalities", record.modalities.join(", ")],
    ["reason", record.resolution_message],
  ];
  return lines.filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}: ${value}\n`).join("");
}
