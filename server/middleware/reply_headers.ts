import type { AppMiddleware } from "../context.ts";

/** No sniffing, no storing: replies hold other people's words. */
export function replyHeaders(): AppMiddleware {
  return async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
    c.header("cache-control", "no-store");
  };
}
