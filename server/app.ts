/**
 * The HTTP surface: every route, and the middleware in front of them. Knows no port and no process.
 *
 * @module
 */
import { type Handler, Hono } from "@hono/hono";
import { type AppEnv, type AppOptions, DEFAULT_LIMITS, type Services } from "./context.ts";
import { Drain } from "./drain.ts";
import { ApiError, toApiError, toErrorResponse } from "./errors.ts";
import { accessLog } from "./middleware/access_log.ts";
import { jsonBody } from "./middleware/json_body.ts";
import { loopbackOnly } from "./middleware/loopback_only.ts";
import { refuseWhenDraining } from "./middleware/refuse_when_draining.ts";
import { replyHeaders } from "./middleware/reply_headers.ts";
import { requestId } from "./middleware/request_id.ts";
import { health } from "./native/health.ts";
import { createPlan } from "./native/plan.ts";
import { createPrompt, streamPrompt } from "./native/prompt.ts";
import { stats } from "./native/stats.ts";
import { createChatCompletion } from "./openai/chat.ts";
import { listModels, retrieveModel } from "./openai/models.ts";

/** One method of one path. */
interface Route {
  method: "GET" | "POST";
  /** A trailing `*` takes the rest of the path. */
  path: string;
  handler: Handler<AppEnv>;
}

/** Builds the app; `app.fetch` answers requests. */
export function createApp(options: AppOptions): Hono<AppEnv> {
  const services: Services = {
    engine: options.engine,
    defaults: options.defaults,
    version: options.version,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    drain: options.drain ?? new Drain(),
  };
  const app = new Hono<AppEnv>();
  app.use(
    requestId(),
    accessLog(),
    replyHeaders(),
    loopbackOnly({ port: options.port }),
    refuseWhenDraining(services.drain),
  );
  mountRoutes(app, createRoutes(services), services);
  app.onError((error, c) => toErrorResponse(toApiError(error), c.req.path));
  return app;
}

function createRoutes(services: Services): Route[] {
  return [
    { method: "GET", path: "/v1/health", handler: health(services) },
    { method: "GET", path: "/v1/models", handler: listModels(services) },
    { method: "GET", path: "/v1/models/*", handler: retrieveModel(services) },
    { method: "POST", path: "/v1/chat/completions", handler: createChatCompletion(services) },
    { method: "GET", path: "/v1/ollm/stats", handler: stats(services) },
    { method: "POST", path: "/v1/plan", handler: createPlan(services) },
    { method: "POST", path: "/v1/prompt", handler: createPrompt(services) },
    { method: "POST", path: "/v1/prompt/stream", handler: streamPrompt(services) },
  ];
}

function mountRoutes(app: Hono<AppEnv>, routes: Route[], { limits }: Services): void {
  for (const { method, path, handler } of routes) {
    // Hono runs GET handlers for HEAD; the contract has no HEAD.
    app.use(path, async (c, next) => {
      if (c.req.raw.method === "HEAD") throw methodNotAllowed(method);
      await next();
    });
    if (method === "POST") app.post(path, jsonBody(limits), handler);
    else app.get(path, handler);
    app.all(path, () => {
      throw methodNotAllowed(method);
    });
  }
  const paths = new Set(routes.map((route) => route.path));
  app.notFound((c) => {
    const { pathname, search } = new URL(c.req.url);
    const withoutSlash = pathname.slice(0, -1);
    if (pathname.endsWith("/") && paths.has(withoutSlash)) {
      return c.redirect(withoutSlash + search, 307);
    }
    return toErrorResponse(new ApiError(404, "Not Found", { code: "not_found" }), c.req.path);
  });
}

function methodNotAllowed(allowed: string): ApiError {
  return new ApiError(405, "Method Not Allowed", {
    code: "method_not_allowed",
    headers: { allow: allowed },
  });
}
