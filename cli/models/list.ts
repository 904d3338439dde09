import { sep as SEPARATOR } from "node:path";
import type { Command } from "commander";
import {
  type Engine,
  type ModelInfo,
  type RuntimePlan,
  toModelInfoRecord,
} from "../../engine/mod.ts";
import { addSettingFlags, type FlagGroup } from "../flags.ts";
import { formatBytes } from "../format_bytes.ts";
import type { Host } from "../host.ts";
import { toAbsolutePath } from "../read_settings.ts";
import { measureDirectory } from "./disk.ts";
import { addSpecializationFlag, type Options, toPlanOptions, withEngine } from "./engine.ts";
import { formatTable, type Row } from "./table.ts";

const GROUPS: FlagGroup[] = ["modelsDir", "backend"];

/** A model that has a directory here. */
interface LocalModel {
  model: ModelInfo;
  plan: RuntimePlan;
  /** Bytes of its files. */
  numBytes: number;
}

/** `ollm models list`. */
export function addListCommand(models: Command, host: Host): void {
  const command = models.command("list")
    .description("List the models on this machine and those that can be downloaded by name")
    .option("--installed", "only those whose files are here")
    .option("--json", "print JSON, each model with its plan");
  addSettingFlags(addSpecializationFlag(command), GROUPS).action(async (options) => {
    const planOptions = toPlanOptions(options, host);
    host.print(
      await withEngine(host, options, GROUPS, async (engine, { runtime }) => {
        await requireReadable(toAbsolutePath(runtime.models_dir, host));
        const found = await engine.listModels();
        const shown = options.installed ? found.filter((model) => model.materialized) : found;
        return options.json
          ? await toJson(engine, shown, planOptions)
          : await toTables(engine, shown, planOptions, host.cwd);
      }),
    );
  });
}

/** A directory that is absent has no models; of one that cannot be read nobody knows. */
async function requireReadable(dir: string): Promise<void> {
  try {
    for await (const _ of Deno.readDir(dir)) return;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot read the models directory ${dir}: ${why}`, { cause });
  }
}

async function toJson(engine: Engine, models: ModelInfo[], options: Options): Promise<string> {
  const records = await Promise.all(models.map(async ({ reference, discoverySource }) => ({
    ...toModelInfoRecord(await engine.plan({ ...options, model: reference })),
    discovery_source: discoverySource,
  })));
  return `${JSON.stringify({ models: records }, null, 2)}\n`;
}

async function toTables(
  engine: Engine,
  models: ModelInfo[],
  options: Options,
  cwd: string,
): Promise<string> {
  const here: LocalModel[] = [];
  const absent: ModelInfo[] = [];
  for (const model of models) {
    const numBytes = await measureDirectory(model.path);
    if (numBytes === null && !model.materialized) absent.push(model);
    else {
      const plan = await engine.plan({ ...options, model: model.reference });
      here.push({ model, plan, numBytes: numBytes ?? 0 });
    }
  }
  const tables = [`On this machine\n\n${formatLocal(here, cwd)}`];
  if (absent.length > 0) {
    tables.push(`To download with "ollm models download REFERENCE"\n\n${formatAbsent(absent)}`);
  }
  return tables.join("\n");
}

function formatLocal(models: LocalModel[], cwd: string): string {
  const rows = models.flatMap(({ model, plan, numBytes }): Row[] => {
    const where = model.sourceKind === "builtin" ? "built in" : shorten(model.path ?? "", cwd);
    const row = [model.reference, formatBytes(numBytes), describeState(model, plan), where];
    const isReady = model.materialized && plan.backend !== null;
    return isReady ? [row] : [row, plan.reasons.at(-1) ?? model.message];
  });
  return formatTable(["REFERENCE", "SIZE", "STATE", "WHERE"], rows, [1]);
}

function describeState({ materialized }: ModelInfo, { backend }: RuntimePlan): string {
  if (!materialized) return "incomplete";
  return backend === null ? "cannot run" : `ready (${backend})`;
}

/** A path below the working directory as one would type it there. */
function shorten(path: string, cwd: string): string {
  return path.startsWith(`${cwd}${SEPARATOR}`) ? path.slice(cwd.length + 1) : path;
}

function formatAbsent(models: ModelInfo[]): string {
  const rows = models.toSorted(byAliasThenName).map((model) => [
    model.reference,
    model.memoryBytes === null ? "–" : formatBytes(model.memoryBytes),
    String(model.contextLength ?? "–"),
    describeUse(model),
  ]);
  return formatTable(["REFERENCE", "MEMORY", "CONTEXT", "RUNS ON"], rows, [1, 2]);
}

/** Names that are not the repository's own were chosen to be easy: they come first. */
function byAliasThenName(a: ModelInfo, b: ModelInfo): number {
  const isAlias = ({ reference, repository }: ModelInfo) =>
    repository === null || !reference.startsWith(repository.slice(repository.indexOf("/") + 1));
  return Number(isAlias(b)) - Number(isAlias(a)) ||
    a.reference.localeCompare(b.reference, "en", { numeric: true });
}

/** What a model would run on once it is here. */
function describeUse({ repository, supportLevel, library }: ModelInfo): string {
  if (repository === null) return "no package";
  const backends = [
    ...supportLevel === "optimized" ? ["wgsl"] : [],
    ...library === null ? [] : ["web-llm"],
  ];
  return backends.join(", ") || "unknown";
}
