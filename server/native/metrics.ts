import type { AppContext, Services } from "../context.ts";

/** `GET /metrics`: Prometheus' text format. */
export function readMetrics({ engine, metrics }: Pick<Services, "engine" | "metrics">) {
  return async (c: AppContext): Promise<Response> => {
    const text = await metrics.render(await engine.stats());
    return c.body(text, 200, { "content-type": metrics.contentType });
  };
}
