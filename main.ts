/**
 * The composition root: reads the command, builds the parts, runs. The only file that sees every room.
 *
 * @module
 */
import { main } from "./cli/main.ts";
import type { Serve } from "./cli/serve.ts";
import { toEngineSettings, toResponseStoreSettings } from "./cli/read_settings.ts";
import { SettingsError } from "./cli/settings.ts";
import config from "./deno.json" with { type: "json" };
import { openResponseStore, type StoreOptions } from "./server/stores/open.ts";
import { type ResponseStore, StoreOpenError } from "./server/stores/response_store.ts";

const serveCommand: Serve = async ({ values }, host) => {
  // The other commands start faster without the server's packages.
  const { serve } = await import("./server/serve.ts");
  const { runtime, generation, server } = values;
  const engineSettings = toEngineSettings(values, host);
  const responseStore = openStore(toResponseStoreSettings(values, host));
  const engine = host.createEngine(engineSettings);
  const { temperature, top_p, top_k, seed } = generation;
  await serve({
    engine,
    responseStore,
    apiKeys: server.api_keys,
    allowedHosts: server.allowed_hosts,
    allowedOrigins: server.allowed_origins,
    host: server.host,
    port: server.port,
    logLevel: server.log_level,
    version: config.version,
    defaults: {
      model: runtime.model_reference,
      modelsDir: engineSettings.modelsDir,
      sampling: {
        temperature,
        ...(top_p === null ? {} : { topP: top_p }),
        ...(top_k === null ? {} : { topK: top_k }),
        ...(seed === null ? {} : { seed }),
      },
    },
  });
  responseStore?.close();
};

/** A store that cannot be used is a setting that cannot be used, wherever it came from. */
function openStore(options: StoreOptions): ResponseStore | null {
  try {
    return openResponseStore(options);
  } catch (error) {
    if (!(error instanceof StoreOpenError)) throw error;
    throw new SettingsError("file", error.message, { cause: error });
  }
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args, { serve: serveCommand, version: config.version }));
}
