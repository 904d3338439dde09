/**
 * The transport rules on every route of the app's own table: who may ask, and what a body must be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createTestApp, type SendInit } from "../../support/app.ts";
import { assertErrorBody } from "../../support/error_body.ts";
import { listBodyRoutes, listRoutes, METHODS } from "../../support/routes.ts";

/** Spellings that are not this server, though a careless parser takes some of them for it. */
const FOREIGN_HOSTS = [
  ...["example.org", "example.org:8000", "evil.com:80", "null", "-", "*", "machine", "my.local"],
  ...[
    "localhost.",
    "localhost.:8000",
    "localhost.evil.com",
    "localhost.localdomain",
    "a.localhost",
  ],
  ...["localhost:81", "localhost:", "localhost:0", "localhost:8000:8000", "localhost:+8000"],
  ...["localhost:8000@evil.com", "evil@localhost", "localhost/", "localhost?", "localhost#"],
  ...[
    "http://localhost",
    "localhost;evil.com",
    "localhost evil.com",
    "loc%61lhost",
    "localhost%00",
  ],
  ...["0.0.0.0", "0.0.0.0:8000", "0", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1"],
  ...["127.0.0.256", "127.0.0.1.", "127.0.0.1.evil.com", "127.0.0.1.nip.io", "127.0.0.1:81"],
  ...["::1", "[::1", "[::]", "[::2]", "[::1]:81", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"],
  ...["[::1%25lo]", "10.0.0.1", "192.168.1.1:8000", "169.254.169.254", "128.0.0.1"],
];

/** What a request with no Host field, an empty one or two of them looks like. */
const UNCLEAR_HOSTS = ["", "localhost,localhost", "localhost, evil.com", "evil.com,localhost:8000"];

const FOREIGN_ORIGINS = [
  ...["null", "", "http://evil.com", "https://evil.com", "http://evil.com:8000", "file://"],
  ...["https://localhost:8000", "https://localhost", "http://localhost:81", "http://127.0.0.1:81"],
  ...["http://localhost.:8000", "http://localhost.evil.com:8000", "http://localhost:8000.evil.com"],
  ...["http://127.0.0.1.evil.com:8000", "http://localhost:8000/", "http://user@localhost:8000"],
  ...["http://[::2]:8000", "http://0.0.0.0:8000", "http://192.168.0.2:8000", "http://127.1:8000"],
  ...["chrome-extension://abcdef", "vscode-webview://abc", "app://localhost", "about:blank"],
  ...["http://localhost", "http://127.0.0.1", "http://[::1]", "http://localhost:80"],
  ...["HTTP://localhost:8000", "//localhost:8000", "localhost:8000", "http:localhost:8000"],
  ...["http://localhost:8000, http://localhost:8000", "http://localhost:8000 http://evil.com"],
];

const { app, send } = createTestApp({}, { port: 8000, limits: { maxBodyBytes: 4096 } });
const PATHS = [...new Set(listRoutes(app).map(({ path }) => path)), "/v1/nowhere", "/"];
const BODY_PATHS = listBodyRoutes(app).map(({ path }) => path);

Deno.test("listRoutes() finds the routes of the contract", () => {
  const routes = listRoutes(app).map(({ method, pattern }) => `${method} ${pattern}`);
  for (const route of ["GET /v1/health", "POST /v1/chat/completions", "POST /v1/prompt/stream"]) {
    assert.ok(routes.includes(route), route);
  }
});

Deno.test("createApp() refuses a foreign Host on every route and method", async () => {
  assert.ok(new Set(FOREIGN_HOSTS).size >= 40);
  for (const host of FOREIGN_HOSTS) {
    for (const path of PATHS) {
      for (const method of METHODS) {
        await assertRefused(path, { method, headers: { host } }, 403, "forbidden_origin");
      }
    }
  }
});

Deno.test("createApp() refuses an unclear Host on every route and method", async () => {
  for (const path of PATHS) {
    for (const method of METHODS) {
      for (const host of UNCLEAR_HOSTS) {
        await assertRefused(path, { method, headers: { host } }, 400, "invalid_host");
      }
      const response = await app.fetch(new Request(`http://localhost:8000${path}`, { method }));
      assert.equal(response.status, 400, `${method} ${path} without Host`);
    }
  }
});

Deno.test("createApp() refuses a target with a foreign authority on every route and method", async () => {
  for (const path of PATHS) {
    for (const method of METHODS) {
      const headers = { host: "localhost:8000" };
      const request = new Request(`http://evil.com:8000${path}`, { method, headers });
      assert.equal((await app.fetch(request)).status, 403, `${method} ${path}`);
    }
  }
});

Deno.test("createApp() refuses a foreign Origin on every route and method", async () => {
  assert.ok(new Set(FOREIGN_ORIGINS).size >= 20);
  for (const origin of FOREIGN_ORIGINS) {
    for (const path of PATHS) {
      for (const method of METHODS) {
        await assertRefused(path, { method, headers: { origin } }, 403, "forbidden_origin");
      }
    }
  }
});

Deno.test("createApp() refuses a request from another site on every route and method", async () => {
  const headers = { "sec-fetch-site": "cross-site" };
  for (const path of PATHS) {
    for (const method of METHODS) {
      await assertRefused(path, { method, headers }, 403, "forbidden_origin");
    }
  }
});

Deno.test("createApp() requires a JSON content type on every route with a body", async () => {
  const types = [
    ...["", "text/plain", "text/plain;charset=UTF-8", "text/json", "application/jsonp"],
    ...["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "*/*", "json"],
    ...[
      "application/json5",
      "application/octet-stream",
      "application/ld+json",
      "application/ json",
    ],
  ];
  for (const path of BODY_PATHS) {
    for (const type of types) {
      const init = { method: "POST", headers: { "content-type": type }, body: "{}" };
      await assertRefused(path, init, 415, "unsupported_media_type");
    }
    // Bytes bring no type of their own.
    const body = new TextEncoder().encode("{}");
    await assertRefused(path, { method: "POST", body }, 415, "unsupported_media_type");
  }
});

Deno.test("createApp() refuses an oversize body on every route with a body", async () => {
  const text = JSON.stringify({ model: "x".repeat(5000) });
  for (const path of BODY_PATHS) {
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    await assertRefused(path, { ...init, body: text }, 413, "request_too_large");
    const chunked = new Blob([text]).stream();
    await assertRefused(path, { ...init, body: chunked }, 413, "request_too_large");
    const headers = { ...init.headers, "content-length": "5000000000" };
    await assertRefused(path, { ...init, headers, body: "{}" }, 413, "request_too_large");
  }
});

Deno.test("createApp() refuses JSON that is deep, doubled or broken on every route with a body", async () => {
  const texts = [
    `{"a":${"[".repeat(64)}${"]".repeat(64)}}`,
    `${'{"a":'.repeat(65)}0${"}".repeat(65)}`,
    `{"messages":[${'{"content":'.repeat(64)}0${"}".repeat(64)}]}`,
    "[".repeat(4000),
    '{"model":"a","model":"a"}',
    '{"model":"a","mod\\u0065l":"a"}',
    ...["", " ", "{", "[]", "null", "1", '"text"', "{'a':1}", '{"a":NaN}', '{"a":01}', '{"a":1}}'],
    ...['{"a":"\ud800"'.slice(0, -1), '{"a":1,}', "\ufeff{", '{"a":+1}', '{"a":Infinity}'],
  ];
  for (const path of BODY_PATHS) {
    for (const body of texts) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body };
      await assertRefused(path, init, 400, "invalid_json");
    }
  }
});

async function assertRefused(path: string, init: SendInit, status: number, code: string) {
  const response = await send(path, init);
  const label = `${init.method} ${path} ${JSON.stringify(init.headers)}`;
  assert.equal(response.status, status, label);
  assert.equal(response.headers.get("access-control-allow-origin"), null, label);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff", label);
  if (init.method === "HEAD") return;
  const body = await response.json();
  assertErrorBody(path, body);
  if ("error" in body) assert.equal(body.error.code, code, label);
}
