import { isAbsolute, join, resolve } from "node:path";
import { type HubOptions, parseKeepAlive } from "../engine/mod.ts";
import type { EngineSettings, Host } from "./host.ts";
import { type Flag, type ResolvedSettings, resolveSettings, SettingsError } from "./settings.ts";
import type { Settings } from "./settings_keys.ts";

/**
 * Finds the settings file, `OLLM_CONFIG_FILE` or `ollm.toml` here, and merges it with the environment and the flags.
 *
 * @throws {SettingsError} a named file that cannot be read, or a setting that cannot be used
 */
export function readSettings(host: Pick<Host, "env" | "cwd">, flags: Flag[]): ResolvedSettings {
  return resolveSettings({ flags, env: host.env, file: readFile(host) });
}

/** The part of the settings that an engine is created with. */
export function toEngineSettings(
  { runtime, generation, hub }: Settings,
  host: Pick<Host, "env" | "cwd">,
): EngineSettings {
  const { backend, model_library: library, max_loaded_models, memory_budget_bytes } = runtime;
  const keepAliveMs = parseKeepAlive(runtime.keep_alive);
  return {
    modelsDir: toAbsolutePath(runtime.models_dir, host),
    defaultMaxTokens: generation.max_new_tokens,
    ...(backend === null ? {} : { backend }),
    ...(library === null ? {} : { library: toAbsolutePath(library, host) }),
    forceDownload: runtime.force_download,
    speculation: runtime.speculation,
    ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
    ...(max_loaded_models === null ? {} : { maxLoadedModels: max_loaded_models }),
    ...(memory_budget_bytes === null ? {} : { memoryBudgetBytes: memory_budget_bytes }),
    hub: toHubOptions(hub),
  };
}

function toHubOptions({ endpoint, library_endpoint, token, offline }: Settings["hub"]): HubOptions {
  return {
    ...(endpoint === null ? {} : { endpoint }),
    ...(library_endpoint === null ? {} : { libraryEndpoint: library_endpoint }),
    ...(token === null ? {} : { token }),
    offline,
  };
}

/** Where responses are kept, and how many. */
export interface ResponseStoreSettings {
  backend: "none" | "memory" | "sqlite";
  /** Absolute; empty where nothing is kept in a file. */
  path: string;
  limits: { maxRecords: number; maxBytes: number; maxAgeMs: number };
}

/** The part of the settings that a response store is opened with. */
export function toResponseStoreSettings(
  { server }: Settings,
  host: Pick<Host, "env" | "cwd">,
): ResponseStoreSettings {
  const { response_store_backend: backend, response_store_path: path } = server;
  return {
    backend,
    path: backend !== "sqlite"
      ? ""
      : path === null
      ? join(dataDir(host), "ollm", "responses.sqlite")
      : toAbsolutePath(path, host),
    limits: {
      maxRecords: server.response_store_max_responses,
      maxBytes: server.response_store_max_bytes,
      maxAgeMs: server.response_store_max_age_days * 24 * 60 * 60 * 1000,
    },
  };
}

/** @see https://specifications.freedesktop.org/basedir-spec/latest/ */
function dataDir({ env, cwd }: Pick<Host, "env" | "cwd">): string {
  const { XDG_DATA_HOME: xdg, LOCALAPPDATA: windows } = env;
  // The specification ignores relative paths.
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  return windows ?? toAbsolutePath("~/.local/share", { env, cwd });
}

/** Expands `~` and makes a path absolute. */
export function toAbsolutePath(path: string, { env, cwd }: Pick<Host, "env" | "cwd">): string {
  const home = env.HOME ?? env.USERPROFILE;
  const isBelowHome = /^~(?=$|[\\/])/.test(path);
  if (isBelowHome && home === undefined) {
    throw new SettingsError(
      "file",
      `Cannot tell where ${path} is: HOME is not set; set it, or give a whole path`,
    );
  }
  const expanded = isBelowHome ? home + path.slice(1) : path;
  return isAbsolute(expanded) ? expanded : resolve(cwd, expanded);
}

function readFile(host: Pick<Host, "env" | "cwd">): { path: string; text: string } | undefined {
  const named = host.env.OLLM_CONFIG_FILE;
  const path = named ?? "ollm.toml";
  try {
    const absolute = toAbsolutePath(path, host);
    // Whatever else there is may never end, or hold the program up.
    if (!Deno.statSync(absolute).isFile) throw new Error("it is no regular file");
    return { path, text: Deno.readTextFileSync(absolute) };
  } catch (error) {
    if (named === undefined && error instanceof Deno.errors.NotFound) return undefined;
    const why = error instanceof Deno.errors.NotFound ? "there is no such file" : reasonOf(error);
    throw new SettingsError("file", `Cannot read the settings file ${path}: ${why}`, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  return error instanceof Error ? error.message : String(error);
}
