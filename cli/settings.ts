/**
 * Layered settings: flag, then environment, then file, then default. Pure: the texts come in, the values and where
 * each came from go out.
 *
 * @module
 */
import { parse as parseToml, TomlError } from "smol-toml";
import { HUB_VARIABLES, type Key, KEYS, type Section, type Settings } from "./settings_keys.ts";

/** Where a value came from, from strongest to weakest. */
export type OriginKind = "flag" | "environment" | "file" | "default";

/** Where a value came from. */
export interface Origin {
  kind: OriginKind;
  /** How the user would find it: `--port`, `OLLM_SERVER__PORT`, `[server] port in ollm.toml`. */
  name: string;
}

/** A flag that was given: what it sets, and its text. */
export interface Flag {
  section: Section;
  key: string;
  /** As the user wrote it, for messages. */
  name: string;
  value: unknown;
}

/** The texts of all layers. */
export interface SettingsSources {
  flags?: Flag[];
  env?: Readonly<Record<string, string>>;
  /** The settings file, if there is one. */
  file?: { path: string; text: string } | undefined;
}

/** Values, and the origin of each by `section.key`. */
export interface ResolvedSettings {
  values: Settings;
  origins: ReadonlyMap<string, Origin>;
}

/** A setting that cannot be used; the text says what, where and what is allowed. */
export class SettingsError extends Error {
  override name = "SettingsError";
  /** @param kind the layer at fault */
  constructor(readonly kind: OriginKind, message: string, options: ErrorOptions = {}) {
    super(message, options);
  }
}

/** One layer's word on one key. */
interface Entry {
  raw: unknown;
  origin: Origin;
}

/**
 * Merges the layers key by key.
 *
 * @throws {SettingsError} an unknown section, key or environment name, or a value that is not allowed
 */
export function resolveSettings({ flags = [], env = {}, file }: SettingsSources): ResolvedSettings {
  const entries = new Map<string, Entry>();
  if (file) addFile(entries, file);
  addEnvironment(entries, env);
  for (const { section, key, name, value } of flags) {
    if (value === undefined) continue;
    entries.set(`${section}.${key}`, { raw: value, origin: { kind: "flag", name } });
  }
  const origins = new Map<string, Origin>();
  const values = mapKeys((section, key, rule) => {
    const entry = entries.get(`${section}.${key}`);
    origins.set(`${section}.${key}`, entry?.origin ?? { kind: "default", name: "default" });
    return entry === undefined ? rule.default : parseEntry(entry, rule);
  });
  return { values, origins };
}

function mapKeys(toValue: (section: string, key: string, rule: Key<unknown>) => unknown): Settings {
  const sections = Object.entries(KEYS).map(([section, keys]) => {
    const values = Object.entries(keys).map(([key, rule]) => [key, toValue(section, key, rule)]);
    return [section, Object.fromEntries(values)];
  });
  return Object.fromEntries(sections) as Settings;
}

function parseEntry({ raw, origin }: Entry, rule: Key<unknown>): unknown {
  const value = rule.parse(raw);
  if (value !== undefined) return value;
  throw new SettingsError(
    origin.kind,
    `Cannot use ${origin.name}${rule.isSecret ? "" : ` = ${show(raw)}`}: expected ${rule.allowed}`,
  );
}

function addFile(
  entries: Map<string, Entry>,
  { path, text }: { path: string; text: string },
): void {
  for (const [section, keys] of Object.entries(parseFile(path, text))) {
    if (!isSection(section)) throw unknownSection("file", `[${section}] in ${path}`);
    addSection(entries, section, keys, (key) => ({
      kind: "file",
      name: key === undefined ? `[${section}] in ${path}` : `[${section}] ${key} in ${path}`,
    }));
  }
}

function parseFile(path: string, text: string): Record<string, unknown> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [summary] = error.message.split("\n");
    throw new SettingsError("file", `Cannot read ${path}, line ${error.line}: ${summary}`, {
      cause: error,
    });
  }
}

/** `OLLM_SERVER='{"port":1}'` sets a section, `OLLM_SERVER__PORT=1` a key, and the key wins; `HF_TOKEN` gives way to both. */
function addEnvironment(entries: Map<string, Entry>, env: Readonly<Record<string, string>>): void {
  for (const [name, { section, key }] of Object.entries(HUB_VARIABLES)) {
    // For the hub's own programs, too, blank means unset.
    if ((env[name] ?? "").trim() === "") continue;
    entries.set(`${section}.${key}`, { raw: env[name], origin: { kind: "environment", name } });
  }
  const names = Object.keys(env).filter((name) => /^OLLM_/i.test(name));
  const isKey = (name: string) => name.slice("OLLM_".length).includes("__");
  for (const name of names.filter((name) => !isKey(name))) {
    const section = name.slice("OLLM_".length).toLowerCase();
    if (!isSection(section)) continue;
    addSection(entries, section, parseJson(name, env[name]!), (key) => ({
      kind: "environment",
      name: key === undefined ? name : `"${key}" in ${name}`,
    }));
  }
  for (const name of names.filter(isKey)) {
    const [section = "", ...rest] = name.slice("OLLM_".length).toLowerCase().split("__");
    if (!isSection(section)) throw unknownSection("environment", name);
    addSection(entries, section, { [rest.join("__")]: env[name] }, () => ({
      kind: "environment",
      name,
    }));
  }
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SettingsError("environment", `Cannot read ${name}: it is not JSON`, { cause: error });
  }
}

/** @param toOrigin names a key of the section, or the section itself */
function addSection(
  entries: Map<string, Entry>,
  section: Section,
  keys: unknown,
  toOrigin: (key?: string) => Origin,
): void {
  if (typeof keys !== "object" || keys === null || Array.isArray(keys)) {
    const { kind, name } = toOrigin();
    throw new SettingsError(kind, `Cannot use ${name}: expected a table of settings`);
  }
  for (const [key, raw] of Object.entries(keys)) {
    const origin = toOrigin(key);
    if (!Object.hasOwn(KEYS[section], key)) {
      const allowed = Object.keys(KEYS[section]).join(", ");
      throw new SettingsError(
        origin.kind,
        `Unknown setting ${origin.name}: expected one of ${allowed}`,
      );
    }
    if (raw !== null) entries.set(`${section}.${key}`, { raw, origin });
  }
}

function isSection(name: string): name is Section {
  return Object.hasOwn(KEYS, name);
}

function unknownSection(kind: OriginKind, name: string): SettingsError {
  const allowed = Object.keys(KEYS).join(", ");
  return new SettingsError(
    kind,
    `Unknown setting ${name}: expected one of the sections ${allowed}`,
  );
}

/** A value in one short line. */
function show(raw: unknown): string {
  const isPlain = typeof raw === "bigint" || typeof raw === "number"; // JSON has no NaN
  const text = isPlain ? String(raw) : JSON.stringify(raw) ?? String(raw);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
