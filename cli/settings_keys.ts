/**
 * Every setting with its default and what it takes. Help texts, error messages and the loader all read from here.
 *
 * @module
 */

import { parseKeepAlive } from "../engine/mod.ts";

/** One setting. */
export interface Key<T> {
  /** Value without any layer's word. */
  readonly default: T;
  /** What may be given, for people: `an integer from 1 to 65535`. */
  readonly allowed: string;
  /** Whether the value is kept out of messages. */
  readonly isSecret?: true;
  /** Checks a raw value: text from flags and environment, TOML or JSON values from elsewhere; undefined if it is none. */
  parse(raw: unknown): T | undefined;
}

/** Bounds of a number; `above` is exclusive. */
interface Range {
  min?: number;
  above?: number;
  max?: number;
}

/** As a Host header has it: no scheme, no path, in lower case. */
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;
/** As an Origin header has it: no path, no slash at the end; `*` and `null` are none. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/,?#@*]+$/;

/** All settings, section by section. */
export const KEYS = {
  runtime: {
    model_reference: text("ollm-tiny"),
    models_dir: text("models"),
    backend: optional(
      oneOf("wgsl", ["wgsl", "web-llm"], {
        "optimized-native": "wgsl",
        "transformers-generic": "web-llm",
      }),
    ),
    model_library: optional(text("")),
    force_download: boolean(false),
    keep_alive: optional(duration()),
    speculation: oneOf("auto", ["auto", "off"]),
    max_loaded_models: optional(integer(2, { min: 1 })),
    memory_budget_bytes: optional(integer(0, { min: 1 })),
  },
  generation: {
    max_new_tokens: integer(500, { min: 1 }),
    temperature: decimal(0, { min: 0 }),
    top_p: optional(decimal(1, { above: 0, max: 1 })),
    top_k: optional(integer(1, { min: 1 })),
    seed: optional(integer(0, {})),
    stream: boolean(true),
  },
  server: {
    host: text("127.0.0.1"),
    port: integer(8000, { min: 1, max: 65535 }),
    api_keys: secret(list("keys without spaces and commas", /^[\x21-\x2b\x2d-\x7e]+$/)),
    allowed_hosts: list("host names, each with a port if it is not ours", HOST),
    allowed_origins: list("origins such as https://app.example.org", ORIGIN),
    log_level: oneOf("info", ["trace", "debug", "info", "warning", "error"]),
    response_store_backend: oneOf("none", ["none", "memory", "sqlite"]),
    response_store_path: optional(text("")),
    response_store_max_responses: integer(100_000, { min: 1, max: 100_000 }),
    response_store_max_bytes: integer(1024 ** 3, { min: 1, max: 1024 ** 3 }),
    response_store_max_age_days: integer(30, { min: 1, max: 30 }),
  },
  hub: {
    endpoint: optional(url()),
    library_endpoint: optional(url()),
    token: secret(optional(pattern("a token without spaces", /^[\x21-\x7e]+$/))),
    offline: boolean(false),
  },
} as const;

/** Variables that all programs of the hub read, and what they set here; ours by their full names win. */
export const HUB_VARIABLES: Readonly<Record<string, { section: Section; key: string }>> = {
  HF_ENDPOINT: { section: "hub", key: "endpoint" },
  HF_TOKEN: { section: "hub", key: "token" },
  HF_HUB_OFFLINE: { section: "hub", key: "offline" },
};

/** A section's name. */
export type Section = keyof typeof KEYS;

type ValueOf<K> = K extends Key<infer T> ? T : never;

/** Resolved values, section by section. */
export type Settings = {
  readonly [S in Section]: { readonly [K in keyof typeof KEYS[S]]: ValueOf<typeof KEYS[S][K]> };
};

function text(byDefault: string): Key<string> {
  return {
    default: byDefault,
    allowed: "a text that is not blank",
    parse: (raw) => typeof raw === "string" && raw.trim() !== "" ? raw.trim() : undefined,
  };
}

function decimal(byDefault: number, range: Range): Key<number> {
  return {
    default: byDefault,
    allowed: `a number${describe(range)}`,
    parse: (raw) => {
      const value = toNumber(raw);
      return value !== undefined && isInside(value, range) ? value : undefined;
    },
  };
}

function integer(byDefault: number, range: Range): Key<number> {
  const { parse } = decimal(byDefault, range);
  return {
    default: byDefault,
    allowed: `an integer${describe(range)}`,
    parse: (raw) => {
      const value = parse(raw);
      return Number.isSafeInteger(value) ? value : undefined;
    },
  };
}

/** Text that the engine reads: how long a model stays. */
function duration(): Key<string> {
  return {
    default: "-1",
    allowed: 'seconds, or a duration such as "5m" or "1h30m"; 0 unloads at once, -1 keeps',
    parse: (raw) => parseKeepAlive(raw) === undefined ? undefined : String(raw).trim(),
  };
}

function boolean(byDefault: boolean): Key<boolean> {
  const isTrue: Record<string, boolean> = {
    true: true,
    yes: true,
    on: true,
    1: true,
    false: false,
    no: false,
    off: false,
    0: false,
  };
  return {
    default: byDefault,
    allowed: "true or false",
    parse: (raw) => isTrue[String(raw).trim().toLowerCase()],
  };
}

/** @param aliases further spellings of a name, for those who come from elsewhere */
function oneOf<const T extends string>(
  byDefault: T,
  names: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): Key<T> {
  const byName = new Map<string, T>([
    ...names.map((name) => [name, name] as const),
    ...Object.entries(aliases),
  ]);
  return {
    default: byDefault,
    allowed: `one of ${names.join(", ")}`,
    parse: (raw) => byName.get(String(raw).trim().toLowerCase()),
  };
}

/** A text of a form; blanks around it are dropped. */
function pattern(allowed: string, form: RegExp): Key<string> {
  return {
    default: "",
    allowed,
    parse: (raw) => typeof raw === "string" && form.test(raw.trim()) ? raw.trim() : undefined,
  };
}

/** A base URL; without the slash at its end. */
function url(): Key<string> {
  return {
    default: "",
    allowed: "an http or https URL without user, query and fragment",
    parse: (raw) => {
      const url = typeof raw === "string" ? URL.parse(raw.trim()) : null;
      if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
      const isPlain = url.username === "" && url.password === "" && !/[?#]/.test(url.href);
      return isPlain ? url.href.replace(/\/+$/, "") : undefined;
    },
  };
}

/** Texts: an array in the file, with commas between in the environment. */
function list(what: string, pattern: RegExp): Key<readonly string[]> {
  return {
    default: [],
    allowed: `a list of ${what}`,
    parse: (raw) => {
      const items = typeof raw === "string" ? raw.split(",").map((item) => item.trim()) : raw;
      const isList = Array.isArray(items) &&
        items.every((item) => typeof item === "string" && pattern.test(item));
      return isList ? items : undefined;
    },
  };
}

/** The same key, with a value that nobody is shown. */
function secret<T>(key: Key<T>): Key<T> {
  return { ...key, isSecret: true };
}

/** The same key, unset by default; no layer can set it back to null. */
function optional<T>(key: Key<T>): Key<T | null> {
  return { ...key, default: null };
}

function toNumber(raw: unknown): number | undefined {
  if (typeof raw === "number") return Number.isFinite(raw) ? raw : undefined;
  if (typeof raw !== "string" || !/^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(raw)) {
    return undefined;
  }
  const value = Number(raw);
  return Number.isFinite(value) ? value : undefined;
}

function isInside(value: number, { min, above, max }: Range): boolean {
  return !(min !== undefined && value < min) && !(above !== undefined && value <= above) &&
    !(max !== undefined && value > max);
}

function describe({ min, above, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (above !== undefined && max !== undefined) return ` above ${above}, at most ${max}`;
  return min === undefined ? "" : `, at least ${min}`;
}
