/**
 * What the parts of one request share: the app's options and the variables that middleware leaves for handlers.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "@hono/hono";
import type { Engine, SamplingParams } from "../engine/mod.ts";
import type { Drain } from "./drain.ts";
import type { BackgroundRuns } from "./openai/responses/background.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { SessionStore } from "./sessions/session_store.ts";
import type { ItemRing } from "./stores/item_ring.ts";
import type { ResponseStore } from "./stores/response_store.ts";

/** Values used where a request does not say otherwise. */
export interface RequestDefaults {
  /** Model reference of native requests that name none. */
  model: string;
  /** Models folder, absolute; shown in plans. */
  modelsDir: string;
  /** Sampling that a request may override field by field. */
  sampling: Pick<SamplingParams, "temperature" | "topK" | "topP" | "seed">;
}

/** Options of `createApp`. */
export interface AppOptions {
  /** Runs the models. */
  engine: Engine;
  /** Values used where a request does not say otherwise. */
  defaults: RequestDefaults;
  /** Shown by `/v1/health`. */
  version: string;
  /**
   * Port that Host and Origin must name.
   * @default any
   */
  port?: number;
  /**
   * Keys of which every request but a health check must bring one.
   * @default none, and everyone is let in
   */
  apiKeys?: readonly string[];
  /**
   * Names of this server besides loopback ones.
   * @default none
   */
  allowedHosts?: readonly string[];
  /**
   * Places whose pages may ask, besides our own.
   * @default none
   */
  allowedOrigins?: readonly string[];
  /**
   * Tells when new requests are refused and running ones must end.
   * @default never
   */
  drain?: Drain;
  /**
   * Keeps responses and conversations; stays open.
   * @default none
   */
  responseStore?: ResponseStore | null;
  /**
   * Responses that run without a client, for whoever must wait for them.
   * @default the app's own
   */
  backgroundRuns?: BackgroundRuns;
  /**
   * Conversations of the native routes.
   * @default the app's own
   */
  sessions?: SessionStore;
  /** Bounds that tests make smaller. */
  limits?: Partial<Limits>;
}

/** Bounds on requests; times in ms, sizes in bytes. */
export interface Limits {
  /** @default 8192 */
  maxUriBytes: number;
  /** Of the request line and all header fields. @default 16384 */
  maxHeaderBytes: number;
  /** @default 100 */
  maxHeaderFields: number;
  /** Requests at once. @default 512 */
  maxRequests: number;
  /** Event streams at once. @default 256 */
  maxStreams: number;
  /** @default 4194304 */
  maxBodyBytes: number;
  /** For the whole body to arrive. @default 30000 */
  bodyTimeoutMs: number;
  /** From acceptance to the last token. @default 600000 */
  requestTimeoutMs: number;
  /** Silence in a stream before a comment is sent. @default 15000 */
  keepAliveMs: number;
  /** A reader that takes nothing for this long has left. @default 30000 */
  writeStallMs: number;
}

/** Far above what honest clients send, far below what would bring the server down. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  maxUriBytes: 8 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxHeaderFields: 100,
  maxRequests: 512,
  maxStreams: 256,
  maxBodyBytes: 4 * 1024 * 1024,
  bodyTimeoutMs: 30_000,
  requestTimeoutMs: 600_000,
  keepAliveMs: 15_000,
  writeStallMs: 30_000,
};

/** What the routes of the Responses API share. */
export interface ResponseServices {
  /** Null when nothing is to be kept. */
  readonly store: ResponseStore | null;
  /** Resolves references without a store. */
  readonly ring: ItemRing;
  readonly runs: BackgroundRuns;
}

/** What handlers get, every default resolved. */
export interface Services {
  readonly engine: Engine;
  readonly metrics: Metrics;
  readonly defaults: RequestDefaults;
  readonly version: string;
  /** Whether requests must bring an API key. */
  readonly needsKey: boolean;
  readonly limits: Limits;
  readonly drain: Drain;
  readonly sessions: SessionStore;
  readonly responses: ResponseServices;
}

/** Hono's type parameter. */
export interface AppEnv {
  Variables: {
    /** Sent back as `x-request-id`. */
    requestId: string;
    /** Whether the caller may see more than that the server is up; left by `apiKey`. */
    isAuthorized: boolean;
    /** Path of the route table; absent where no route fits. */
    route?: string;
    /** Parsed JSON body, left by `jsonBody`. */
    body: Record<string, unknown>;
  };
}

/** The request as handlers see it. */
export type AppContext = Context<AppEnv>;

/** A middleware of this app. */
export type AppMiddleware = MiddlewareHandler<AppEnv>;
