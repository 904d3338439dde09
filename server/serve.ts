/**
 * The process side of the server: a port, the first load, and the way down. Routes are `app.ts`'s.
 *
 * @module
 */
import { type Engine, EngineError } from "../engine/mod.ts";
import { createApp } from "./app.ts";
import type { AppOptions, RequestDefaults } from "./context.ts";
import { Drain } from "./drain.ts";
import { toApiError, toErrorResponse } from "./errors.ts";
import { configureLog, log, type LogLevel } from "./log.ts";
import { BackgroundRuns } from "./openai/responses/mod.ts";
import type { ResponseStore } from "./stores/response_store.ts";

/** Options of {@linkcode serve}. */
export interface ServeOptions
  extends Pick<AppOptions, "apiKeys" | "allowedHosts" | "allowedOrigins"> {
  /** Runs the models; stays open when `serve` returns. */
  engine: Engine;
  /** Values used where a request does not say otherwise; its model is loaded at once. */
  defaults: RequestDefaults;
  /** Address to bind; others than loopback ones need API keys. */
  host: string;
  /** Port to bind. */
  port: number;
  /** How much is logged. */
  logLevel: LogLevel;
  /** Shown by `/v1/health`. */
  version: string;
  /**
   * Keeps responses; stays open when `serve` returns.
   * @default none
   */
  responseStore?: ResponseStore | null;
  /**
   * Time that running requests get after a first signal, in ms.
   * @default 30000
   */
  graceMs?: number;
}

/** Time for the last error events to reach their clients, in ms. */
const FLUSH_MS = 1_000;

/**
 * Serves until SIGINT or SIGTERM: new requests are refused at once, running ones get the grace, a second signal ends all.
 *
 * @throws {EngineError} `device_unavailable`: no model can run here
 * @throws {Deno.errors.AddrInUse} the port is taken
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { engine, defaults, host, port, version, graceMs = 30_000 } = options;
  configureLog(options.logLevel);
  const drain = new Drain();
  const backgroundRuns = new BackgroundRuns();
  const app = createApp({
    apiKeys: options.apiKeys ?? [],
    allowedHosts: [...(options.allowedHosts ?? []), ...ownNames(host)],
    allowedOrigins: options.allowedOrigins ?? [],
    engine,
    defaults,
    version,
    port,
    drain,
    backgroundRuns,
    responseStore: options.responseStore ?? null,
  });
  const requests = new ActiveRequests();
  const signals = new Signals();
  const server = listen({ host, port }, (request, info) => {
    requests.add(info.completed);
    return app.fetch(request);
  });
  try {
    await Promise.race([signals.next(), failureOf(loadFirst(engine, defaults.model))]);
    log.info("Shutting down: {n} requests are running", { n: requests.size + backgroundRuns.size });
    drain.begin();
    const isIdle = Promise.all([requests.whenIdle(), backgroundRuns.whenIdle()]);
    await Promise.race([isIdle, signals.next(), delay(graceMs)]);
  } finally {
    drain.endAll();
    const isFlushed = Promise.all([server.shutdown(), backgroundRuns.whenIdle()]);
    await Promise.race([isFlushed, signals.next(), delay(FLUSH_MS)]);
    signals.dispose();
  }
}

/** The address that is bound is a name of this server, unless it stands for every address. */
function ownNames(host: string): string[] {
  if (host === "0.0.0.0" || host === "::") return [];
  return [host.includes(":") ? `[${host}]` : host.toLowerCase()];
}

function listen(
  { host, port }: Pick<ServeOptions, "host" | "port">,
  handler: Deno.ServeHandler<Deno.NetAddr>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({
      hostname: host,
      port,
      onListen: (address) => log.info("Listening on {url}", { url: toUrl(address) }),
      onError: (error) => toErrorResponse(toApiError(error), ""),
    }, handler);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Deno.errors.AddrInUse(
      `Cannot listen on ${host}:${port}: another program does; stop it or choose another --port`,
      { cause: error },
    );
  }
}

/**
 * Loads the default model before anyone asks for it. One that cannot be loaded is no reason to stop: others may be, and
 * requests for it get the error. Without an adapter none can.
 *
 * @throws {EngineError} `device_unavailable`
 */
async function loadFirst(engine: Engine, model: string): Promise<void> {
  const startedAt = performance.now();
  try {
    await engine.load(model, (share, stage) => {
      const percent = Math.round(share * 100);
      log.debug("Loading {model}: {stage} {percent} %", { model, stage, percent });
    });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    log.info("Loaded {model} in {seconds} s", { model, seconds });
  } catch (error) {
    if (error instanceof EngineError && error.code === "device_unavailable") throw error;
    log.error("Cannot load {model}: {error}", {
      model,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/** Never resolves; rejects if `promise` does. */
function failureOf(promise: Promise<void>): Promise<never> {
  return new Promise((_, reject) => promise.catch(reject));
}

/** Requests whose reply is not fully sent. */
class ActiveRequests {
  readonly #completions = new Set<Promise<void>>();

  get size(): number {
    return this.#completions.size;
  }

  add(completed: Promise<void>): void {
    // A reply that could not be sent is over too.
    const settled = completed.catch(() => {}).finally(() => this.#completions.delete(settled));
    this.#completions.add(settled);
  }

  async whenIdle(): Promise<void> {
    while (this.size > 0) await Promise.all(this.#completions);
  }
}

/** SIGINT and SIGTERM, one after another. */
class Signals {
  static readonly #names: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  #waiting: (() => void)[] = [];
  readonly #onSignal = () => {
    for (const resolve of this.#waiting.splice(0)) resolve();
  };

  constructor() {
    for (const name of Signals.#names) Deno.addSignalListener(name, this.#onSignal);
  }

  /** Resolves at the next signal. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  dispose(): void {
    for (const name of Signals.#names) Deno.removeSignalListener(name, this.#onSignal);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function toUrl({ hostname, port }: Deno.NetAddr): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
