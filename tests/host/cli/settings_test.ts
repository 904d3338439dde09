import assert from "node:assert/strict";
import {
  readSettings,
  toEngineSettings,
  toResponseStoreSettings,
} from "../../../cli/read_settings.ts";
import { resolveSettings, SettingsError, type SettingsSources } from "../../../cli/settings.ts";

const SERVER_KEYS = "host, port, api_keys, allowed_hosts, allowed_origins, log_level, " +
  "response_store_backend, response_store_path, response_store_max_responses, " +
  "response_store_max_bytes, response_store_max_age_days";

const FILE = (text: string) => ({ path: "ollm.toml", text });

Deno.test("resolveSettings() has these defaults", () => {
  const { values, origins } = resolveSettings({});
  assert.deepEqual(values, {
    runtime: {
      model_reference: "ollm-tiny",
      models_dir: "models",
      backend: null,
      model_library: null,
      force_download: false,
      keep_alive: null,
      max_loaded_models: null,
      memory_budget_bytes: null,
      speculation: "auto",
    },
    generation: {
      max_new_tokens: 500,
      temperature: 0,
      top_p: null,
      top_k: null,
      seed: null,
      stream: true,
    },
    server: {
      host: "127.0.0.1",
      port: 8000,
      api_keys: [],
      allowed_hosts: [],
      allowed_origins: [],
      log_level: "info",
      response_store_backend: "none",
      response_store_path: null,
      response_store_max_responses: 100_000,
      response_store_max_bytes: 1_073_741_824,
      response_store_max_age_days: 30,
    },
    hub: { endpoint: null, library_endpoint: null, token: null, offline: false },
  });
  assert.deepEqual(origins.get("server.port"), { kind: "default", name: "default" });
});

Deno.test("resolveSettings() takes flag over environment over file over default, key by key", () => {
  const { values, origins } = resolveSettings({
    flags: [{ section: "server", key: "port", name: "--port", value: "1" }],
    env: { OLLM_SERVER__PORT: "2", OLLM_GENERATION__TOP_K: "20" },
    file: FILE("[server]\nport = 3\nlog_level = 'Debug'\n[generation]\ntop_k = 30\nseed = -1\n"),
  });
  assert.equal(values.server.port, 1);
  assert.equal(values.server.log_level, "debug");
  assert.equal(values.generation.top_k, 20);
  assert.equal(values.generation.seed, -1);
  assert.equal(values.server.host, "127.0.0.1");
  assert.deepEqual(origins.get("server.port"), { kind: "flag", name: "--port" });
  assert.deepEqual(origins.get("generation.top_k"), {
    kind: "environment",
    name: "OLLM_GENERATION__TOP_K",
  });
  assert.deepEqual(origins.get("generation.seed"), {
    kind: "file",
    name: "[generation] seed in ollm.toml",
  });
});

Deno.test("resolveSettings() reads a section as JSON, below its single keys", () => {
  const { values } = resolveSettings({
    env: { OLLM_SERVER: '{"port":9000,"log_level":"error"}', ollm_server__port: "9001" },
  });
  assert.equal(values.server.port, 9001);
  assert.equal(values.server.log_level, "error");
});

Deno.test("resolveSettings() reads numbers and switches written as text", () => {
  const { values } = resolveSettings({
    env: {
      OLLM_GENERATION__TEMPERATURE: "0.5",
      OLLM_GENERATION__STREAM: "off",
      OLLM_GENERATION__MAX_NEW_TOKENS: "2.0",
    },
  });
  assert.equal(values.generation.temperature, 0.5);
  assert.equal(values.generation.stream, false);
  assert.equal(values.generation.max_new_tokens, 2);
});

Deno.test("resolveSettings() reads lists as arrays, or as texts with commas", () => {
  const { values } = resolveSettings({
    env: { OLLM_SERVER__API_KEYS: "one, two" },
    file: FILE(
      "[server]\nallowed_origins = ['https://a.example', 'http://b:1']\nallowed_hosts = []\n",
    ),
  });
  assert.deepEqual(values.server.api_keys, ["one", "two"]);
  assert.deepEqual(values.server.allowed_origins, ["https://a.example", "http://b:1"]);
  assert.deepEqual(values.server.allowed_hosts, []);
});

Deno.test("resolveSettings() refuses origins and hosts that no browser sends", () => {
  for (
    const origin of ["*", "null", "https://a.example/", "https://*.a.example", "a.example", ""]
  ) {
    const env = { OLLM_SERVER__ALLOWED_ORIGINS: origin };
    assert.throws(() => resolveSettings({ env }), /expected a list of origins/, origin);
  }
  for (const host of ["*", "https://a.example", "a.example/x", "A.example", "a b", "[::"]) {
    const env = { OLLM_SERVER__ALLOWED_HOSTS: host };
    assert.throws(() => resolveSettings({ env }), /expected a list of host names/, host);
  }
});

Deno.test("resolveSettings() never repeats a key that cannot be used", () => {
  const env = { OLLM_SERVER__API_KEYS: "hunter2 with space" };
  assert.throws(() => resolveSettings({ env }), {
    message: "Cannot use OLLM_SERVER__API_KEYS: expected a list of keys without spaces and commas",
  });
});

Deno.test("resolveSettings() leaves other variables alone", () => {
  const { values } = resolveSettings({
    env: { OLLM_NO_SETUP: "1", OLLM_CONFIG_FILE: "x", PORT: "1" },
  });
  assert.equal(values.server.port, 8000);
});

Deno.test("resolveSettings() reads a backend by its own names and by those of others", () => {
  const backendOf = (name: string) =>
    resolveSettings({ env: { OLLM_RUNTIME__BACKEND: name } }).values.runtime.backend;
  assert.equal(backendOf("wgsl"), "wgsl");
  assert.equal(backendOf(" Web-LLM "), "web-llm");
  assert.equal(backendOf("optimized-native"), "wgsl");
  assert.equal(backendOf("transformers-generic"), "web-llm");
  assert.throws(() => backendOf("cuda"), /expected one of wgsl, web-llm$/);
});

Deno.test("resolveSettings() reads the hub's own variables below ours and above the file", () => {
  const hubOf = (env: Record<string, string>, text = "") =>
    resolveSettings({ env, file: FILE(text) }).values.hub;
  const standard = {
    HF_TOKEN: "hf_1",
    HF_HUB_OFFLINE: "1",
    HF_ENDPOINT: "https://mirror.example/",
  };
  assert.deepEqual(hubOf(standard, "[hub]\ntoken = 'hf_0'\noffline = false\n"), {
    endpoint: "https://mirror.example",
    library_endpoint: null,
    token: "hf_1",
    offline: true,
  });
  assert.equal(hubOf({ ...standard, OLLM_HUB__TOKEN: "hf_2" }).token, "hf_2");
  assert.equal(hubOf({ ...standard, OLLM_HUB: '{"token":"hf_3"}' }).token, "hf_3");
  const blank = { HF_TOKEN: "", HF_HUB_OFFLINE: " ", HF_ENDPOINT: "" };
  assert.deepEqual(hubOf(blank, "[hub]\ntoken = 'hf_0'\n").token, "hf_0");
  assert.throws(
    () => hubOf({ HF_HUB_OFFLINE: "perhaps" }),
    { message: 'Cannot use HF_HUB_OFFLINE = "perhaps": expected true or false' },
  );
  assert.throws(() => hubOf({ HF_TOKEN: "a secret" }), {
    message: "Cannot use HF_TOKEN: expected a token without spaces",
  });
});

Deno.test("resolveSettings() reads base URLs without the slash at their end", () => {
  const endpointOf = (url: string) =>
    resolveSettings({ env: { OLLM_HUB__ENDPOINT: url } }).values.hub.endpoint;
  assert.equal(endpointOf("https://hub.example"), "https://hub.example");
  assert.equal(endpointOf(" http://127.0.0.1:9/a// "), "http://127.0.0.1:9/a");
  for (
    const url of ["hub.example", "ftp://hub.example", "https://u:p@hub.example", "https://h/?a", ""]
  ) {
    assert.throws(() => endpointOf(url), /expected an http or https URL without user, query/, url);
  }
});

Deno.test("toEngineSettings() hands on what is set, paths absolute", () => {
  const host = { env: { HOME: "/home/a" }, cwd: "/srv" };
  const settingsOf = (env: Record<string, string>) =>
    toEngineSettings(resolveSettings({ env }).values, host);
  assert.deepEqual(settingsOf({}), {
    modelsDir: "/srv/models",
    defaultMaxTokens: 500,
    forceDownload: false,
    speculation: "auto",
    hub: { offline: false },
  });
  const env = {
    OLLM_RUNTIME: '{"backend":"web-llm","model_library":"~/x.wasm","force_download":true}',
    OLLM_RUNTIME__KEEP_ALIVE: "5m",
    OLLM_RUNTIME__MAX_LOADED_MODELS: "3",
    OLLM_RUNTIME__MEMORY_BUDGET_BYTES: "8e9",
    OLLM_RUNTIME__SPECULATION: "off",
    OLLM_HUB: '{"endpoint":"http://h","library_endpoint":"http://l","token":"hf_1","offline":true}',
  };
  assert.deepEqual(settingsOf(env), {
    modelsDir: "/srv/models",
    defaultMaxTokens: 500,
    backend: "web-llm",
    library: "/home/a/x.wasm",
    forceDownload: true,
    keepAliveMs: 300_000,
    maxLoadedModels: 3,
    memoryBudgetBytes: 8e9,
    speculation: "off",
    hub: { endpoint: "http://h", libraryEndpoint: "http://l", token: "hf_1", offline: true },
  });
});

Deno.test("resolveSettings() says what is wrong, where, and what is allowed", () => {
  const cases: [SettingsSources, string, string][] = [
    [
      { env: { OLLM_SERVER__PORT: "abc" } },
      "environment",
      'Cannot use OLLM_SERVER__PORT = "abc": expected an integer from 1 to 65535',
    ],
    [
      { env: { OLLM_RUNTIME__KEEP_ALIVE: "soon" } },
      "environment",
      'Cannot use OLLM_RUNTIME__KEEP_ALIVE = "soon": expected seconds, or a duration such as "5m" or "1h30m"; ' +
      "0 unloads at once, -1 keeps",
    ],
    [
      { env: { OLLM_SERVER__PORT: "" } },
      "environment",
      'Cannot use OLLM_SERVER__PORT = "": expected an integer from 1 to 65535',
    ],
    [
      { flags: [{ section: "server", key: "port", name: "--port", value: "70000" }] },
      "flag",
      'Cannot use --port = "70000": expected an integer from 1 to 65535',
    ],
    [
      { file: FILE("[generation]\ntop_p = 0.0\n") },
      "file",
      "Cannot use [generation] top_p in ollm.toml = 0: expected a number above 0, at most 1",
    ],
    [
      { file: FILE("[server]\nprot = 1\n") },
      "file",
      `Unknown setting [server] prot in ollm.toml: expected one of ${SERVER_KEYS}`,
    ],
    [
      { file: FILE("port = 1\n") },
      "file",
      "Unknown setting [port] in ollm.toml: expected one of the sections runtime, generation, server, hub",
    ],
    [
      { file: FILE("server = 1\n") },
      "file",
      "Cannot use [server] in ollm.toml: expected a table of settings",
    ],
    [
      { env: { OLLM_SERVER__PROT: "1" } },
      "environment",
      `Unknown setting OLLM_SERVER__PROT: expected one of ${SERVER_KEYS}`,
    ],
    [
      { env: { OLLM_SERVR__PORT: "1" } },
      "environment",
      "Unknown setting OLLM_SERVR__PORT: expected one of the sections runtime, generation, server, hub",
    ],
    [{ env: { OLLM_SERVER: "{" } }, "environment", "Cannot read OLLM_SERVER: it is not JSON"],
    [
      { env: { OLLM_SERVER: '{"prot":1}' } },
      "environment",
      `Unknown setting "prot" in OLLM_SERVER: expected one of ${SERVER_KEYS}`,
    ],
  ];
  for (const [sources, kind, message] of cases) {
    assert.throws(() => resolveSettings(sources), (error) => {
      assert.ok(error instanceof SettingsError);
      assert.deepEqual([error.kind, error.message], [kind, message]);
      return true;
    });
  }
});

Deno.test("resolveSettings() points at the line of a file that is not TOML", () => {
  assert.throws(
    () => resolveSettings({ file: FILE("[server]\nport = = 1\n") }),
    /^SettingsError: Cannot read ollm\.toml, line 2: [^\n]+$/,
  );
});

Deno.test("resolveSettings() accepts examples/ollm.toml", () => {
  const text = Deno.readTextFileSync(new URL("../../../examples/ollm.toml", import.meta.url));
  const { values } = resolveSettings({ file: { path: "examples/ollm.toml", text } });
  assert.equal(values.runtime.model_reference, "ollm-tiny");
});

Deno.test("toResponseStoreSettings() takes the data folder that the platform names", () => {
  const cases: [Record<string, string>, string][] = [
    [{ HOME: "/home/a" }, "/home/a/.local/share/ollm/responses.sqlite"],
    [{ HOME: "/home/a", XDG_DATA_HOME: "/data" }, "/data/ollm/responses.sqlite"],
    [{ HOME: "/home/a", XDG_DATA_HOME: "data" }, "/home/a/.local/share/ollm/responses.sqlite"],
    [{ HOME: "/home/a", OLLM_SERVER__RESPONSE_STORE_PATH: "~/r.db" }, "/home/a/r.db"],
    [{ HOME: "/home/a", OLLM_SERVER__RESPONSE_STORE_PATH: "r.db" }, "/srv/r.db"],
  ];
  const pathOf = (own: Record<string, string>) => {
    const env = { OLLM_SERVER__RESPONSE_STORE_BACKEND: "sqlite", ...own };
    return toResponseStoreSettings(resolveSettings({ env }).values, { env, cwd: "/srv" }).path;
  };
  for (const [env, path] of cases) assert.equal(pathOf(env), path);
  const message =
    "Cannot tell where ~/.local/share is: HOME is not set; set it, or give a whole path";
  assert.throws(() => pathOf({}), { message });
  assert.equal(pathOf({ OLLM_SERVER__RESPONSE_STORE_BACKEND: "memory" }), "");
});

Deno.test("toResponseStoreSettings() takes limits below the defaults and none above", () => {
  const { values } = resolveSettings({
    env: {
      OLLM_SERVER__RESPONSE_STORE_BACKEND: "memory",
      OLLM_SERVER__RESPONSE_STORE_MAX_AGE_DAYS: "2",
    },
  });
  const { backend, limits } = toResponseStoreSettings(values, { env: {}, cwd: "/srv" });
  assert.equal(backend, "memory");
  assert.deepEqual(limits, {
    maxRecords: 100_000,
    maxBytes: 1_073_741_824,
    maxAgeMs: 172_800_000,
  });
  assert.throws(
    () => resolveSettings({ env: { OLLM_SERVER__RESPONSE_STORE_MAX_AGE_DAYS: "31" } }),
    /expected an integer from 1 to 30/,
  );
});

Deno.test("readSettings() refuses a settings file that is no regular file", () => {
  const env = { OLLM_CONFIG_FILE: "/dev/null" };
  assert.throws(() => readSettings({ env, cwd: "/" }, []), {
    message: "Cannot read the settings file /dev/null: it is no regular file",
  });
});
