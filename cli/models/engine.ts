/**
 * What the `models` commands share: an engine for the length of one command, and what a plan is asked with.
 *
 * @module
 */
import type { Command } from "commander";
import type { Engine, RuntimeOptions } from "../../engine/mod.ts";
import { UsageError } from "../exit.ts";
import { type FlagGroup, readSettingFlags } from "../flags.ts";
import type { Host } from "../host.ts";
import { readSettings, toEngineSettings } from "../read_settings.ts";
import type { Settings } from "../settings_keys.ts";

/** Options of a command as Commander gives them. */
export type Options = Readonly<Record<string, unknown>>;

/** Runs `action` on an engine made by the flags and the settings, with these; the engine ends with it. */
export async function withEngine<T>(
  host: Host,
  options: Options,
  groups: FlagGroup[],
  action: (engine: Engine, values: Settings) => Promise<T>,
): Promise<T> {
  const { values } = readSettings(host, readSettingFlags(options, groups));
  const engine = host.createEngine(toEngineSettings(values, host));
  try {
    return await action(engine, values);
  } finally {
    await engine.close();
  }
}

/** Declares `--no-specialization`. */
export function addSpecializationFlag(command: Command): Command {
  return command.option("--no-specialization", "plan without our own kernels");
}

/**
 * What a plan is asked with.
 *
 * @throws {UsageError} `--no-specialization` with the backend that is nothing else
 */
export function toPlanOptions(options: Options, host: Host): Pick<RuntimeOptions, "backend"> {
  const { backend } = readSettings(host, readSettingFlags(options, ["backend"])).values.runtime;
  if (options.specialization !== false) return backend === null ? {} : { backend };
  if (backend === "wgsl") {
    throw new UsageError("--no-specialization contradicts the backend wgsl: leave one of them out");
  }
  return { backend: "web-llm" };
}
