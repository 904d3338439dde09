import type { AppMiddleware } from "../context.ts";
import type { Metrics } from "../metrics/metrics.ts";

/** Methods by name; a client may send any text, and each would be a time series of its own. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Counts every request by method, route and status. */
export function requestMetrics(metrics: Metrics): AppMiddleware {
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const { method } = c.req.raw;
    metrics.addRequest({
      method: METHODS.includes(method) ? method : "other",
      route: c.get("route") ?? "none",
      status: c.res.status,
      durationMs: performance.now() - startedAt,
    });
  };
}
