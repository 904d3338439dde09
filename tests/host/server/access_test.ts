/**
 * Who may ask: keys, further names of the server, and pages of other places.
 *
 * @module
 */
import assert from "node:assert/strict";
import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { formatRecord } from "../../../server/log.ts";
import { createTestApp } from "../../support/app.ts";
import { assertErrorBody } from "../../support/error_body.ts";
import { listRoutes } from "../../support/routes.ts";

const KEYS = ["first-key", "second-key"];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

Deno.test("apiKey() asks for a key on every route but GET /v1/health", async () => {
  const { app, send } = createTestApp({}, { apiKeys: KEYS });
  const routes = [...listRoutes(app), { method: "GET", path: "/nowhere" }];
  assert.ok(routes.length > 20);
  for (const { method, path } of routes) {
    if (path === "/v1/health") continue;
    const response = await send(path, { method });
    assert.equal(response.status, 401, `${method} ${path}`);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    assertErrorBody(path, await response.json());
  }
  for (const path of ["/v1/health/", "/v1/health?x", "/V1/HEALTH", "//v1/health"]) {
    const { status } = await send(path, { redirect: "manual" });
    assert.equal(status, path === "/v1/health?x" ? 200 : 401, path);
  }
  assert.equal((await send("/v1/health", { method: "POST" })).status, 401);
  assert.equal((await send("/v1/health", { method: "HEAD" })).status, 401);
});

Deno.test("apiKey() lets each of the keys in", async () => {
  const { send } = createTestApp({}, { apiKeys: KEYS });
  for (const key of KEYS) {
    assert.equal((await send("/v1/models", { headers: bearer(key) })).status, 200);
  }
  const headers = { authorization: "bearer  first-key" };
  assert.equal((await send("/v1/models", { headers })).status, 200);
});

Deno.test("apiKey() refuses whatever is not a key", async () => {
  const { send } = createTestApp({}, { apiKeys: KEYS });
  const values = [
    ...["", "Bearer", "Bearer ", "first-key", "Basic first-key", "Bearer first-ke"],
    ...["Bearer first-keyy", "Bearer FIRST-KEY", "Bearer first-key second-key"],
    ...["Bearer first-key, Bearer second-key", "Bearer undefined", "Bearer null"],
  ];
  for (const authorization of values) {
    assert.equal((await send("/v1/models", { headers: { authorization } })).status, 401);
  }
  assert.equal((await send("/v1/models?api_key=first-key")).status, 401);
});

Deno.test("health() says no more than that the server is up to a caller without a key", async () => {
  const { send } = createTestApp({}, { apiKeys: KEYS });
  assert.deepEqual(await (await send("/v1/health")).json(), { ok: true });
  const { service } = await (await send("/v1/health", { headers: bearer(KEYS[0]!) })).json();
  assert.equal(service, "ollm");
});

Deno.test("accessLog() and errors never show a key", async () => {
  const lines: string[] = [];
  const sink = (record: LogRecord) => lines.push(formatRecord(record));
  configureSync({
    reset: true,
    sinks: { sink },
    loggers: [
      { category: ["ollm"], lowestLevel: "trace", sinks: ["sink"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["sink"] },
    ],
  });
  try {
    const { send } = createTestApp({}, { apiKeys: KEYS });
    for (const key of ["first-key", "guessed-key"]) {
      const response = await send(`/v1/models?key=${key}`, { headers: bearer(key) });
      assert.doesNotMatch(await response.text() + lines.join("\n"), /-key/);
    }
    assert.equal(lines.length, 2);
  } finally {
    resetSync();
  }
});

Deno.test("knownPlaces() takes the listed hosts and no others", async () => {
  const { send } = createTestApp({}, {
    port: 8000,
    allowedHosts: ["llm.example.org", "proxy:9000", "[fd00::1]"],
  });
  const status = async (host: string) => (await send("/v1/health", { headers: { host } })).status;
  const known = ["llm.example.org", "llm.example.org:8000", "LLM.example.org", "proxy:9000"];
  for (const host of [...known, "[fd00::1]", "localhost"]) assert.equal(await status(host), 200);
  const foreign = [
    "llm.example.org:9000",
    "proxy",
    "proxy:8000",
    "a.llm.example.org",
    "example.org",
  ];
  for (const host of foreign) assert.equal(await status(host), 403, host);
});

Deno.test("knownPlaces() gives an allowed origin its exact value", async () => {
  const origin = "https://app.example.org";
  const { send } = createTestApp({}, { port: 8000, allowedOrigins: [origin], apiKeys: KEYS });
  const headers = { origin, "sec-fetch-site": "cross-site" };
  const allowed = await send("/v1/models", { headers: { ...headers, ...bearer(KEYS[0]!) } });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
  assert.equal(allowed.headers.get("access-control-allow-credentials"), null);
  assert.equal(allowed.headers.get("vary"), "Origin");
  // A page must be able to read why it was refused.
  const withoutKey = await send("/v1/models", { headers });
  assert.equal(withoutKey.status, 401);
  assert.equal(withoutKey.headers.get("access-control-allow-origin"), origin);
  for (const other of ["http://app.example.org", `${origin}:444`, `${origin}.evil.com`, "null"]) {
    const refused = await send("/v1/models", { headers: { origin: other, ...bearer(KEYS[0]!) } });
    assert.equal(refused.status, 403, other);
    assert.equal(refused.headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("knownPlaces() answers the preflight of an allowed origin, without a key", async () => {
  const { send } = createTestApp({}, {
    allowedOrigins: ["https://app.example.org"],
    apiKeys: KEYS,
  });
  const preflight = (origin: string) =>
    send("/v1/chat/completions", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
      },
    });
  const response = await preflight("https://app.example.org");
  assert.equal(response.status, 204);
  assert.equal(response.body, null);
  const shown = (name: string) => response.headers.get(`access-control-allow-${name}`);
  assert.equal(shown("origin"), "https://app.example.org");
  assert.equal(shown("methods"), "GET, POST, DELETE");
  assert.equal(shown("headers"), "authorization,content-type,x-stainless-os");
  assert.equal(response.headers.get("vary"), "Access-Control-Request-Headers, Origin");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal((await preflight("https://evil.example.org")).status, 403);
});
