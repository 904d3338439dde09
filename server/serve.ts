/**
 * The process side of the server: a port, the first load, and the way down. Routes are `app.ts`'s.
 *
 * @module
 */
import { type Engine, EngineError } from "../engine/mod.ts";
import { createApp } from "./app.ts";
import type { AppOptions, RequestDefaults } from "./context.ts";
import { Drain } from "./drain.ts";
import { HttpListener } from "./http_listener.ts";
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
 * @throws {Deno.errors.AddrInUse | Deno.errors.AddrNotAvailable | Deno.errors.PermissionDenied} the port cannot be had
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
  const listener = await HttpListener.listen({ host, port }, (request) => app.fetch(request));
  log.info("Listening on {url}", { url: listener.url });
  const signals = new Signals();
  try {
    await Promise.race([signals.next(), failureOf(loadFirst(engine, defaults.model))]);
    log.info("Shutting down: {n} requests are running", {
      n: listener.numRequests + backgroundRuns.size,
    });
    drain.begin();
    const isIdle = Promise.all([listener.whenIdle(), backgroundRuns.whenIdle()]);
    await Promise.race([isIdle, signals.next(), delay(graceMs)]);
  } finally {
    drain.endAll();
    const isFlushed = Promise.all([listener.close(), backgroundRuns.whenIdle()]);
    await Promise.race([isFlushed, signals.next(), delay(FLUSH_MS)]);
    signals.dispose();
  }
}

/** The address that is bound is a name of this server, unless it stands for every address. */
function ownNames(host: string): string[] {
  if (host === "0.0.0.0" || host === "::") return [];
  return [host.includes(":") ? `[${host}]` : host.toLowerCase()];
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
