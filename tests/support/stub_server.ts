/**
 * The server on a stub engine in a process of its own, so that it can be killed.
 *
 * @module
 */
import type { StubOptions } from "./stub_engine.ts";

/** Options of {@linkcode startStubServer}. */
export interface StubServerOptions {
  stub: Omit<StubOptions, "script" | "refusal" | "failure">;
  /** File of its response store. */
  storePath: string;
}

/** A running server. */
export interface StubServer {
  /** `http://127.0.0.1:PORT/v1`. */
  baseUrl: string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
}

/** Starts the server and waits until it answers. */
export async function startStubServer(options: StubServerOptions): Promise<StubServer> {
  const port = findFreePort();
  const script = new URL("./serve_stub.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", script, String(port), "300"],
      ...[JSON.stringify(options.stub), options.storePath],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const kill = async () => {
    process.kill("SIGKILL");
    await process.status;
  };
  const stop = async () => {
    process.kill("SIGTERM");
    return (await process.status).code;
  };
  try {
    await waitForHealth(`${baseUrl}/health`);
  } catch (error) {
    await kill();
    throw error;
  }
  return { baseUrl, kill, stop };
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A busy machine may take long to start a process. */
const MAX_START_MS = 30_000;

async function waitForHealth(url: string): Promise<void> {
  const deadline = performance.now() + MAX_START_MS;
  while (performance.now() < deadline) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch: nobody listens yet
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`The server did not answer within ${MAX_START_MS / 1000} s`);
}
