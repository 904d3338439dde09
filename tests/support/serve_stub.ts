// The server process on a stub engine: deno run -A serve_stub.ts PORT GRACE_MS '{"hangs":true}' [STORE_FILE]
import { serve } from "../../server/serve.ts";
import { openResponseStore } from "../../server/stores/open.ts";
import { createStubEngine } from "./stub_engine.ts";

const [port, graceMs, stub, storePath] = Deno.args;
const responseStore = storePath === undefined
  ? null
  : openResponseStore({ backend: "sqlite", path: storePath });
await serve({
  engine: createStubEngine(JSON.parse(stub!)),
  defaults: { model: "ollm-tiny", modelsDir: "/models", sampling: {} },
  host: "127.0.0.1",
  port: Number(port),
  logLevel: "warning",
  version: "1.2.3",
  graceMs: Number(graceMs),
  responseStore,
});
responseStore?.close();
Deno.exit(0);
