import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "../errors.ts";
import type { AppContext, AppMiddleware } from "../context.ts";

/** Scheme and key, as RFC 6750 writes them. */
const BEARER = /^bearer +(\S+)$/i;

/**
 * Asks for one of the keys in `Authorization: Bearer`, and leaves in `c.get("isAuthorized")` whether it was there. Only
 * the health check passes without, to say that the server is up. No key means that everyone is let in.
 */
export function apiKey(keys: readonly string[]): AppMiddleware {
  const digests = keys.map(toDigest);
  return async (c, next) => {
    const isAuthorized = digests.length === 0 || holdsKey(c.req.header("authorization"), digests);
    c.set("isAuthorized", isAuthorized);
    if (!isAuthorized && !isHealthCheck(c)) {
      throw unauthorized(c.req.header("authorization") !== undefined);
    }
    await next();
  };
}

/** Digests have one length, and all of them are compared: the time tells neither how much fits nor which one. */
function holdsKey(header: string | undefined, digests: readonly Uint8Array[]): boolean {
  const given = toDigest(BEARER.exec(header ?? "")?.[1] ?? "");
  return digests.reduce((found, digest) => timingSafeEqual(digest, given) || found, false);
}

function toDigest(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

function isHealthCheck(c: AppContext): boolean {
  return c.req.raw.method === "GET" && c.req.path === "/v1/health";
}

function unauthorized(hasKey: boolean): ApiError {
  const why = hasKey
    ? "The API key that was sent is none of this server's"
    : "This server asks for an API key";
  return new ApiError(401, `${why}: send one as Authorization: Bearer KEY`, {
    code: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}
