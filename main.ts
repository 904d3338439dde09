/**
 * The composition root: reads the command, builds the parts, runs. The only file that sees every room.
 *
 * @module
 */
import { main } from "./cli/main.ts";
import type { Serve } from "./cli/serve.ts";
import { toEngineSettings } from "./cli/read_settings.ts";
import config from "./deno.json" with { type: "json" };
import { serve } from "./server/serve.ts";

const serveCommand: Serve = async ({ values }, host) => {
  const { runtime, generation, server } = values;
  const engineSettings = toEngineSettings(values, host);
  const engine = host.createEngine(engineSettings);
  const { temperature, top_p, top_k, seed } = generation;
  await serve({
    engine,
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
};

if (import.meta.main) {
  Deno.exit(await main(Deno.args, { serve: serveCommand, version: config.version }));
}
