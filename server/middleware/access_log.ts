import { log } from "../log.ts";
import type { AppMiddleware } from "../context.ts";

/** Logs one line a request when its reply begins: who, what, status, time. Never a body. */
export function accessLog(): AppMiddleware {
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    log.info("{method} {path} {status} {ms} ms {id}", {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: Math.round(performance.now() - startedAt),
      id: c.get("requestId"),
    });
  };
}
