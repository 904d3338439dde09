/**
 * Flags that set a setting. Their text goes to the settings loader unparsed, so that a value is checked in one place.
 *
 * @module
 */
import { type Command, Option } from "commander";
import type { Flag } from "./settings.ts";
import { type Key, KEYS, type Section } from "./settings_keys.ts";

/** A flag that stands for `section.key`. */
interface SettingFlag {
  section: Section;
  key: string;
  /** Commander's spelling, `--port <port>`. */
  flags: string;
  description: string;
}

const MODEL_FLAGS: SettingFlag[] = [
  {
    section: "runtime",
    key: "model_reference",
    flags: "--model <reference>",
    description: "model to run",
  },
  ...modelsDirFlags(),
  ...backendFlags(),
  {
    section: "runtime",
    key: "force_download",
    flags: "--force-download",
    description: "fetch the model again although it is here",
  },
  ...hubFlags(),
];

const GENERATION_FLAGS: SettingFlag[] = [
  generation("max_new_tokens", "--max-new-tokens <n>", "upper bound of generated tokens"),
  generation("temperature", "--temperature <t>", "0 takes the most likely token"),
  generation("top_p", "--top-p <p>", "sample from the smallest set that reaches p"),
  generation("top_k", "--top-k <k>", "sample from the k most likely tokens"),
  generation("seed", "--seed <n>", "same seed, same text"),
];

const SERVER_FLAGS: SettingFlag[] = [
  { section: "server", key: "host", flags: "--host <address>", description: "address to bind" },
  { section: "server", key: "port", flags: "--port <port>", description: "port to bind" },
  {
    section: "server",
    key: "log_level",
    flags: "--log-level <level>",
    description: "how much to log",
  },
  {
    section: "server",
    key: "response_store_backend",
    flags: "--response-store-backend <backend>",
    description: "where responses are kept",
  },
  {
    section: "server",
    key: "response_store_path",
    flags: "--response-store-path <file>",
    description: "file of the sqlite backend",
  },
];

function modelsDirFlags(): SettingFlag[] {
  return [{
    section: "runtime",
    key: "models_dir",
    flags: "--models-dir <path>",
    description: "folder of model packages",
  }];
}

function backendFlags(): SettingFlag[] {
  return [
    { section: "runtime", key: "backend", flags: "--backend <name>", description: "what runs it" },
    {
      section: "runtime",
      key: "model_library",
      flags: "--model-library <file>",
      description: "compiled library for the web-llm backend",
    },
  ];
}

function hubFlags(): SettingFlag[] {
  return [{
    section: "hub",
    key: "offline",
    flags: "--offline",
    description: "download nothing",
  }];
}

function generation(key: string, flags: string, description: string): SettingFlag {
  return { section: "generation", key, flags, description };
}

/** Groups of flags that commands pick from. */
export const FLAG_GROUPS = {
  model: MODEL_FLAGS,
  modelsDir: modelsDirFlags(),
  backend: backendFlags(),
  hub: hubFlags(),
  generation: GENERATION_FLAGS,
  server: SERVER_FLAGS,
} as const;

/** A group's name. */
export type FlagGroup = keyof typeof FLAG_GROUPS;

/** Declares the groups' flags, each with what it takes and its default. */
export function addSettingFlags(command: Command, groups: FlagGroup[]): Command {
  for (const flag of groups.flatMap((group) => FLAG_GROUPS[group])) {
    const rule = ruleOf(flag);
    const byDefault = rule.default === null ? "not set" : String(rule.default);
    // A switch takes nothing, so there is nothing to allow.
    const allowed = flag.flags.includes("<") ? `: ${rule.allowed}` : "";
    command.addOption(
      new Option(flag.flags, `${flag.description}${allowed} (default: ${byDefault})`),
    );
  }
  return command.option("--no-color", "accepted for scripts; the output has no colours");
}

/** The groups' flags that were given. */
export function readSettingFlags(
  options: Readonly<Record<string, unknown>>,
  groups: FlagGroup[],
): Flag[] {
  return groups.flatMap((group) => FLAG_GROUPS[group]).map(({ section, key, flags }) => {
    const option = new Option(flags);
    return { section, key, name: option.long!, value: options[option.attributeName()] };
  });
}

function ruleOf({ section, key }: SettingFlag): Key<unknown> {
  return (KEYS[section] as Record<string, Key<unknown>>)[key]!;
}
