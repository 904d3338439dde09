import { ApiError } from "../errors.ts";
import type { AppContext, AppMiddleware } from "../context.ts";

/** Options of {@linkcode knownPlaces}. */
export interface KnownPlacesOptions {
  /**
   * Port that Host and Origin must name, or leave out.
   * @default any
   */
  port?: number | undefined;
  /**
   * Further names of this server, `llm.example.org` or with a port of its own.
   * @default none
   */
  allowedHosts?: readonly string[];
  /**
   * Further places whose pages may ask, `https://app.example.org`.
   * @default none
   */
  allowedOrigins?: readonly string[];
}

/** How long a browser may remember the answer to a preflight, in seconds. */
const PREFLIGHT_MAX_AGE = "600";
/** Names of header fields with commas between, as a preflight lists them. */
const HEADER_NAMES = /^[A-Za-z0-9-]+(?:, ?[A-Za-z0-9-]+){0,31}$/;

/**
 * Keeps web pages out: a page that rebinds its name to 127.0.0.1 shows its own name in Host, a page of another site
 * shows itself in Origin or Sec-Fetch-Site. Loopback is not a trust boundary without this. A page of an allowed place
 * gets its own origin back, never `*`, and an answer to its preflight.
 */
export function knownPlaces(options: KnownPlacesOptions = {}): AppMiddleware {
  const { port, allowedHosts = [], allowedOrigins = [] } = options;
  const isHost = (host: string) => isLoopback(host, port) || isListed(host, allowedHosts, port);
  const isOrigin = (origin: string) => isOwnOrigin(origin, port) || allowedOrigins.includes(origin);
  return async (c, next) => {
    checkHost(c.req.header("host"), isHost);
    // An absolute-form target brings its own authority, which becomes the URL's.
    checkHost(new URL(c.req.url).host, isHost);
    const origin = c.req.header("origin");
    if (origin === undefined) {
      if (c.req.header("sec-fetch-site") === "cross-site") throw foreign("Sec-Fetch-Site");
      return await next();
    }
    if (!isOrigin(origin)) throw foreign("Origin");
    if (isPreflight(c)) c.res = answerPreflight(c);
    else await next();
    c.header("access-control-allow-origin", origin);
    c.header("access-control-expose-headers", "retry-after, x-request-id");
    c.header("vary", "Origin", { append: true });
  };
}

function checkHost(host: string | undefined, isHost: (host: string) => boolean): void {
  // Two Host fields arrive joined by a comma.
  if (host === undefined || host === "" || host.includes(",")) {
    throw new ApiError(400, "The request needs exactly one Host header", { code: "invalid_host" });
  }
  if (!isHost(host)) throw foreign("Host");
}

function foreign(header: string): ApiError {
  return new ApiError(
    403,
    `The ${header} header names a place that this server does not know; ` +
      "it knows this machine, and what [server] allowed_hosts and allowed_origins list",
    { code: "forbidden_origin" },
  );
}

const AUTHORITY = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i;

/** Compared as written: no URL parser, so no second spelling of an address gets through. */
function isLoopback(authority: string, port: number | undefined): boolean {
  const match = AUTHORITY.exec(authority);
  if (match === null) return false;
  const [, name = "", given] = match;
  if (name.startsWith("127.") && name.split(".").some((part) => Number(part) > 255)) return false;
  return given === undefined || port === undefined || Number(given) === port;
}

function isOwnOrigin(origin: string, port: number | undefined): boolean {
  const authority = origin.startsWith("http://") ? origin.slice("http://".length) : "";
  // Without a port it is the page of another server, the one on port 80.
  const isOurs = port === undefined || port === 80 || authority.endsWith(`:${port}`);
  return isOurs && isLoopback(authority, port);
}

/** An entry without a port stands for itself, and for itself with ours. */
function isListed(
  authority: string,
  allowed: readonly string[],
  port: number | undefined,
): boolean {
  const given = authority.toLowerCase();
  return allowed.some((host) => given === host || given === `${host}:${port}`);
}

function isPreflight(c: AppContext): boolean {
  return c.req.raw.method === "OPTIONS" &&
    c.req.header("access-control-request-method") !== undefined;
}

/** Any header may come: who may ask was decided above, and clients bring headers of their own. */
function answerPreflight(c: AppContext): Response {
  const asked = c.req.header("access-control-request-headers") ?? "";
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, DELETE",
      ...(HEADER_NAMES.test(asked) ? { "access-control-allow-headers": asked } : {}),
      "access-control-max-age": PREFLIGHT_MAX_AGE,
      vary: "Access-Control-Request-Headers",
    },
  });
}
