/**
 * Our server and our command line as processes.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../main.ts", import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** A server that answers. */
export interface Server {
  url: string;
  /** Reference of the model that it was started for. */
  model: string;
  stop(): Promise<void>;
}

/** Starts `ollm serve` on a free port, with the folder of the package among its models. */
export async function startServer(dir: string): Promise<Server> {
  const port = findFreePort();
  const model = basename(dir);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", MAIN, "serve", "--port", `${port}`, "--log-level", "error", "--offline"],
      ...["--models-dir", dirname(dir), "--model", model],
    ],
    env: { OLLM_RUNTIME__SPECULATION: "off" }, // as in the engine's own rates
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const stop = async () => {
    child.kill("SIGTERM");
    await child.status;
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!await fetch(`${url}/v1/health`).then((reply) => reply.text(), () => null)) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`The server does not answer on ${url} after ${START_TIMEOUT_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url, model, stop };
}

/** From the start of `ollm prompt` to its first text, in ms. */
export async function measureStart(dir: string): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", MAIN, "prompt", "--offline", "--max-new-tokens", "8"],
      ...["--models-dir", dirname(dir), "--model", basename(dir), "Tell me a story."],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let firstMs = NaN;
  for await (const bytes of child.stdout) {
    if (bytes.length > 0 && Number.isNaN(firstMs)) firstMs = performance.now() - start;
  }
  if (!(await child.status).success) throw new Error("ollm prompt failed");
  return firstMs;
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
