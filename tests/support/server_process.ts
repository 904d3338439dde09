/**
 * The real server in a process of its own, on a free port.
 *
 * @module
 */
const SOURCES = {
  path: Deno.execPath(),
  args: ["run", "-A", "--config", "deno.json", "main.ts"],
  cwd: new URL("../../", import.meta.url),
};

/** A running server; disposing it sends SIGTERM and waits for the end. */
export interface ServerProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v1`. */
  baseUrl: string;
}

/** Options of {@linkcode startServer}. */
export interface ServerProcessOptions {
  /** Settings by their environment names, `OLLM_SERVER__RESPONSE_STORE_BACKEND` for one. */
  env?: Record<string, string>;
  /** Program, first arguments, directory and so on, where it is not `main.ts` of these sources. */
  program?: Deno.CommandOptions & { path: string };
}

/** Starts `main.ts serve` and waits until it answers. */
export async function startServer(
  { env, program = SOURCES }: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const port = findFreePort();
  const process = new Deno.Command(program.path, {
    ...program,
    args: [...program.args ?? [], "serve", "--port", String(port)],
    env: { ...program.env, OLLM_SERVER__LOG_LEVEL: "error", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  let hasEnded = false;
  const ended = process.status.finally(() => hasEnded = true);
  const stop = async () => {
    if (!hasEnded) process.kill("SIGTERM"); // throws where nothing is left, and would hide why
    await ended;
  };
  try {
    await waitForHealth(baseUrl, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return { baseUrl, [Symbol.asyncDispose]: stop };
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A first start compiles pipelines and may download packages, so this is patient. */
const MAX_START_MS = 120_000;

async function waitForHealth(baseUrl: string, ended: Promise<Deno.CommandStatus>): Promise<void> {
  let end: Deno.CommandStatus | null = null;
  ended.then((status) => end = status);
  const deadline = performance.now() + MAX_START_MS;
  while (performance.now() < deadline) {
    if (end !== null) {
      throw new Error(`The server ended before it answered: ${JSON.stringify(end)}`);
    }
    try {
      const response = await fetch(`${baseUrl}/health`);
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch: nobody listens yet
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The server did not answer within ${MAX_START_MS / 1000} s`);
}
