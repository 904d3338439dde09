/**
 * The app's own route table, so that a rule "on every route" is tested on the routes that there are.
 *
 * @module
 */
import type { Hono } from "@hono/hono";
import type { AppEnv } from "../../server/context.ts";

/** One method of one path that the app answers. */
export interface AppRoute {
  method: string;
  /** As registered: `/v1/responses/:response_id`. */
  pattern: string;
  /** A path that fits the pattern. */
  path: string;
}

/** Methods that a client can put into a `Request`. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** POST routes that read no body, so that none of its rules can apply. */
export const BODILESS_ROUTES: readonly string[] = [
  "/v1/responses/:response_id/cancel",
  "/v1/ollm/models/:model_reference{.+}/load",
  "/v1/ollm/models/:model_reference{.+}/unload",
];

/** Every route of the app. Middleware and the handlers of a wrong method are registered for all methods. */
export function listRoutes(app: Hono<AppEnv>): AppRoute[] {
  const routes = new Map<string, AppRoute>();
  for (const { method, path: pattern } of app.routes) {
    if (method === "ALL") continue;
    routes.set(`${method} ${pattern}`, { method, pattern, path: toPath(pattern) });
  }
  return [...routes.values()];
}

/** The routes whose body must be JSON. */
export function listBodyRoutes(app: Hono<AppEnv>): AppRoute[] {
  return listRoutes(app).filter(({ method, pattern }) =>
    method === "POST" && !BODILESS_ROUTES.includes(pattern)
  );
}

function toPath(pattern: string): string {
  return pattern
    .replace(/:[a-z_]*model[a-z_]*(?:\{\.\+\})?|\*$/, "ollm-tiny")
    .replace(
      /:([a-z]+)_id/g,
      (_, kind) => `${PREFIXES[kind] ?? ""}${"0123456789abcdef".repeat(2)}`,
    );
}

const PREFIXES: Record<string, string> = { response: "resp_", conversation: "conv_", item: "msg_" };
