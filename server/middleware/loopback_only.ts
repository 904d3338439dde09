import { ApiError } from "../errors.ts";
import type { AppMiddleware } from "../context.ts";

/** Options of {@linkcode loopbackOnly}. */
export interface LoopbackOnlyOptions {
  /**
   * Port that Host and Origin must name, or leave out.
   * @default any
   */
  port?: number | undefined;
}

/**
 * Keeps web pages out: a page that rebinds its name to 127.0.0.1 shows its own name in Host, a page of another site
 * shows itself in Origin or Sec-Fetch-Site. Loopback is not a trust boundary without this.
 */
export function loopbackOnly(options: LoopbackOnlyOptions = {}): AppMiddleware {
  return async (c, next) => {
    checkHost(c.req.header("host"), options.port);
    // An absolute-form target brings its own authority, which becomes the URL's.
    checkHost(new URL(c.req.url).host, options.port);
    const origin = c.req.header("origin");
    if (origin !== undefined) checkOrigin(origin, options.port);
    else if (c.req.header("sec-fetch-site") === "cross-site") throw foreign("Sec-Fetch-Site");
    await next();
    if (origin === undefined) return;
    c.header("access-control-allow-origin", origin);
    c.header("vary", "Origin", { append: true });
  };
}

function checkHost(host: string | undefined, port: number | undefined): void {
  // Two Host fields arrive joined by a comma.
  if (host === undefined || host === "" || host.includes(",")) {
    throw new ApiError(400, "The request needs exactly one Host header", { code: "invalid_host" });
  }
  if (!isLoopback(host, port)) throw foreign("Host");
}

function checkOrigin(origin: string, port: number | undefined): void {
  const authority = origin.startsWith("http://") ? origin.slice("http://".length) : "";
  // Without a port it is the page of another server, the one on port 80.
  const isOwn = port === undefined || port === 80 || authority.endsWith(`:${port}`);
  if (!isOwn || !isLoopback(authority, port)) throw foreign("Origin");
}

function foreign(header: string): ApiError {
  return new ApiError(
    403,
    `This server answers local requests only; the ${header} header names another place`,
    {
      code: "forbidden_origin",
    },
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
