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
import { apiKey } from "./middleware/api_key.ts";
import { jsonBody } from "./middleware/json_body.ts";
import { knownPlaces } from "./middleware/known_places.ts";
import { refuseWhenDraining } from "./middleware/refuse_when_draining.ts";
import { replyHeaders } from "./middleware/reply_headers.ts";
import { requestLimits } from "./middleware/request_limits.ts";
import { requestMetrics } from "./middleware/request_metrics.ts";
import { requestId } from "./middleware/request_id.ts";
import { docsAsset } from "./docs/assets.ts";
import { redoc, swaggerUi } from "./docs/pages.ts";
import { meterEngine } from "./metrics/metered_engine.ts";
import { Metrics } from "./metrics/metrics.ts";
import { loadModel, unloadModel } from "./native/loading.ts";
import { health } from "./native/health.ts";
import { readMetrics } from "./native/metrics.ts";
import { createPlan } from "./native/plan.ts";
import { listModelInfos, retrieveModelInfo } from "./native/models.ts";
import { createPrompt, streamPrompt } from "./native/prompt.ts";
import * as sessions from "./native/sessions.ts";
import { stats } from "./native/stats.ts";
import { createChatCompletion } from "./openai/chat.ts";
import { createCompletion } from "./openai/completions.ts";
import { createEmbedding } from "./openai/embeddings.ts";
import { listModels, retrieveModel } from "./openai/models.ts";
import * as responses from "./openai/responses/mod.ts";
import { detokenize, tokenize } from "./openai/tokenize.ts";
import { openApi } from "./openapi/handler.ts";
import { SessionStore } from "./sessions/session_store.ts";
import { ItemRing } from "./stores/item_ring.ts";

/** One method of one path. */
interface Route {
  method: "GET" | "POST" | "DELETE";
  /**
   * `:name` takes one segment, `:name{.+}` one or more, a trailing `*` the rest of the path. The first path that fits wins.
   */
  path: string;
  handler: Handler<AppEnv>;
  /** False for a POST that needs no body. @default true for POST */
  hasBody?: boolean;
}

/** Builds the app; `app.fetch` answers requests. */
export function createApp(options: AppOptions): Hono<AppEnv> {
  const metrics = new Metrics();
  const services: Services = {
    engine: meterEngine(options.engine, metrics),
    metrics,
    defaults: options.defaults,
    version: options.version,
    needsKey: (options.apiKeys ?? []).length > 0,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    drain: options.drain ?? new Drain(),
    sessions: options.sessions ?? new SessionStore(),
    responses: {
      store: options.responseStore ?? null,
      ring: new ItemRing(),
      runs: options.backgroundRuns ?? new responses.BackgroundRuns(),
    },
  };
  const app = new Hono<AppEnv>();
  app.use(
    requestId(),
    accessLog(),
    requestMetrics(metrics),
    replyHeaders(),
    requestLimits(services.limits),
    knownPlaces(options),
    apiKey(options.apiKeys ?? []),
    refuseWhenDraining(services.drain),
  );
  mountRoutes(app, createRoutes(services), services);
  app.onError((error, c) => toErrorResponse(toApiError(error), c.req.path));
  return app;
}

function createRoutes(services: Services): Route[] {
  const routes: Route[] = [
    { method: "GET", path: "/v1/health", handler: health(services) },
    { method: "GET", path: "/v1/models", handler: listModels(services) },
    { method: "GET", path: "/v1/models/*", handler: retrieveModel(services) },
    { method: "POST", path: "/v1/chat/completions", handler: createChatCompletion(services) },
    { method: "POST", path: "/v1/completions", handler: createCompletion(services) },
    { method: "POST", path: "/v1/embeddings", handler: createEmbedding(services) },
    { method: "POST", path: "/v1/tokenize", handler: tokenize(services) },
    { method: "POST", path: "/v1/detokenize", handler: detokenize(services) },
    ...createResponseRoutes(services),
    { method: "GET", path: "/v1/ollm/models", handler: listModelInfos(services) },
    ...createLoadingRoutes(services),
    { method: "GET", path: "/v1/ollm/models/*", handler: retrieveModelInfo(services) },
    { method: "GET", path: "/v1/ollm/stats", handler: stats(services) },
    { method: "POST", path: "/v1/plan", handler: createPlan(services) },
    { method: "POST", path: "/v1/prompt", handler: createPrompt(services) },
    { method: "POST", path: "/v1/prompt/stream", handler: streamPrompt(services) },
    ...createSessionRoutes(services),
    { method: "GET", path: "/metrics", handler: readMetrics(services) },
    { method: "GET", path: "/docs", handler: swaggerUi() },
    { method: "GET", path: "/docs/:asset", handler: docsAsset() },
    { method: "GET", path: "/redoc", handler: redoc() },
    { method: "GET", path: "/openapi.json", handler: openApi(() => routes, services) },
  ];
  return routes;
}

/** Bodiless, so that they can be called with nothing but a URL. */
function createLoadingRoutes(services: Services): Route[] {
  const model = "/v1/ollm/models/:model_reference{.+}";
  const [load, unload] = [loadModel(services), unloadModel(services)];
  return [
    { method: "POST", path: `${model}/load`, handler: load, hasBody: false },
    { method: "POST", path: `${model}/unload`, handler: unload, hasBody: false },
  ];
}

function createSessionRoutes(services: Services): Route[] {
  const session = "/v1/sessions/:session_id";
  const stream = sessions.streamSessionPrompt(services);
  return [
    { method: "POST", path: "/v1/sessions", handler: sessions.createSession(services) },
    { method: "GET", path: session, handler: sessions.retrieveSession(services) },
    { method: "POST", path: `${session}/prompt`, handler: sessions.promptSession(services) },
    { method: "POST", path: `${session}/prompt/stream`, handler: stream },
  ];
}

function createResponseRoutes(services: Services): Route[] {
  const response = "/v1/responses/:response_id";
  const conversation = "/v1/conversations/:conversation_id";
  const item = `${conversation}/items/:item_id`;
  const get = (path: string, handler: Route["handler"]): Route => ({
    method: "GET",
    path,
    handler,
  });
  const post = (path: string, handler: Route["handler"]): Route => ({
    method: "POST",
    path,
    handler,
  });
  const remove = (path: string, handler: Route["handler"]): Route => ({
    method: "DELETE",
    path,
    handler,
  });
  return [
    post("/v1/responses", responses.createResponse(services)),
    post("/v1/responses/input_tokens", responses.countInputTokens(services)),
    get(response, responses.retrieveResponse(services)),
    remove(response, responses.deleteResponse(services)),
    { ...post(`${response}/cancel`, responses.cancelResponse(services)), hasBody: false },
    get(`${response}/input_items`, responses.listInputItems(services)),
    post("/v1/conversations", responses.createConversation(services)),
    get(conversation, responses.retrieveConversation(services)),
    post(conversation, responses.updateConversation(services)),
    remove(conversation, responses.deleteConversation(services)),
    get(`${conversation}/items`, responses.listConversationItems(services)),
    post(`${conversation}/items`, responses.createConversationItems(services)),
    get(item, responses.retrieveConversationItem(services)),
    remove(item, responses.deleteConversationItem(services)),
  ];
}

function mountRoutes(app: Hono<AppEnv>, routes: Route[], { limits }: Services): void {
  for (const [path, methods] of Map.groupBy(routes, ({ path }) => path)) {
    const allowed = methods.map(({ method }) => method).join(", ");
    // Hono runs GET handlers for HEAD; the contract has no HEAD.
    app.use(path, async (c, next) => {
      c.set("route", path);
      if (c.req.raw.method === "HEAD") throw methodNotAllowed(allowed);
      await next();
    });
    for (const { method, handler, hasBody = method === "POST" } of methods) {
      if (hasBody) app.on(method, path, jsonBody(limits), handler);
      else app.on(method, path, handler);
    }
    app.all(path, () => {
      throw methodNotAllowed(allowed);
    });
  }
  const patterns = routes.filter(({ path }) => !path.endsWith("*")).map(toPattern);
  app.notFound((c) => {
    const { pathname, search } = new URL(c.req.url);
    const withoutSlash = pathname.slice(0, -1);
    if (pathname.endsWith("/") && patterns.some((pattern) => pattern.test(withoutSlash))) {
      return c.redirect(withoutSlash + search, 307);
    }
    return toErrorResponse(new ApiError(404, "Not Found", { code: "not_found" }), c.req.path);
  });
}

/** Matches the paths that a route without a `*` answers. */
function toPattern({ path }: Route): RegExp {
  return new RegExp(`^${path.replace(/:[a-z_]+\{\.\+\}/g, ".+").replace(/:[a-z_]+/g, "[^/]+")}$`);
}

function methodNotAllowed(allowed: string): ApiError {
  return new ApiError(405, "Method Not Allowed", {
    code: "method_not_allowed",
    headers: { allow: allowed },
  });
}
