import { randomId } from "../ids.ts";
import type { AppMiddleware } from "../context.ts";

/** A client's own id is kept when it cannot do harm in a header or a log line. */
const SAFE_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Names each request, by the client's `x-request-id` or a new one, and says so in the reply. */
export function requestId(): AppMiddleware {
  return async (c, next) => {
    const given = c.req.header("x-request-id") ?? "";
    c.set("requestId", SAFE_ID.test(given) ? given : randomId("req_"));
    await next();
    c.header("x-request-id", c.get("requestId"));
  };
}
