/**
 * The published document: all routes, sound schemas, and replies that are as it says.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createDocument } from "../../../server/openapi/document.ts";
import { openResponseStore } from "../../../server/stores/open.ts";
import { createTestApp } from "../../support/app.ts";
import { listRoutes } from "../../support/routes.ts";

interface Operation {
  operationId: string;
  tags: string[];
  security?: unknown;
  requestBody?: { content: { "application/json": { schema: { $ref: string }; example: unknown } } };
  responses: Record<string, { content: Record<string, { schema: { $ref?: string } }> }>;
}

interface Document {
  openapi: string;
  info: { title: string; version: string };
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes?: object };
}

async function readDocument(options = {}): Promise<Document> {
  const { send } = createTestApp({}, options);
  const headers = { authorization: "Bearer key" };
  const response = await send("/openapi.json", { headers });
  assert.equal(response.headers.get("content-type"), "application/json");
  return await response.json();
}

const document = await readDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation }))
);

/** Checks values against the schemas of the document. */
function createCheck(): (ref: string | undefined, value: unknown, label: string) => void {
  // Formats such as uri are remarks here.
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "https://ollm.test/openapi.json", components: document.components });
  return (ref, value, label) => {
    const validate = ajv.getSchema(`https://ollm.test/openapi.json${ref}`);
    assert.ok(validate, `${label}: nothing at ${ref}`);
    assert.ok(validate(value), `${label}: ${ajv.errorsText(validate.errors)}`);
  };
}

Deno.test("createDocument() describes every route of the app's table", () => {
  const { app } = createTestApp();
  const routes = listRoutes(app).map(({ method, pattern }) => `${method} ${pattern}`);
  const described = operations.map(({ method, path }) =>
    `${method.toUpperCase()} ${path}`
      .replace(/\{model_(?:id|reference)\}$/, "*")
      .replace("{model_reference}", ":model_reference{.+}")
      .replace(/\{(\w+)\}/g, ":$1")
  );
  assert.deepEqual(described.toSorted(), routes.toSorted());
});

Deno.test("createDocument() fails on a route that nobody described", () => {
  const routes = [{ method: "GET", path: "/v1/new" }];
  assert.throws(
    () => createDocument(routes, { version: "1", needsKey: false }),
    /GET \/v1\/new has no operation/,
  );
});

Deno.test("createDocument() names the product, its tags and each operation once", () => {
  assert.equal(document.openapi, "3.1.1");
  assert.equal(document.info.title, "oLLM");
  assert.equal(document.info.version, "1.2.3");
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  const tags = document.tags.map(({ name }) => name);
  assert.deepEqual(tags, ["openai-compatible", "models", "runtime", "sessions", "system"]);
  for (const { path, tags: [tag, ...others] } of operations) {
    assert.ok(tags.includes(tag!), path);
    assert.deepEqual(others, []);
  }
});

Deno.test("createDocument() gives schemas that compile, and no reference that leads nowhere", () => {
  const check = createCheck();
  const refs = new Set(JSON.stringify(document).match(/#\/components\/schemas\/\w+/g));
  assert.deepEqual(
    [...refs].map((ref) => ref.split("/").at(-1)).sort(),
    Object.keys(document.components.schemas).sort(),
  );
  for (const ref of refs) {
    try {
      check(ref, undefined, ref);
    } catch (error) {
      // No value fits, but the schema had to compile to say so.
      assert.doesNotMatch(String(error), /can't resolve|nothing at|schema is invalid/);
    }
  }
});

Deno.test("createDocument() gives each body an example that its schema and the server take", async () => {
  const check = createCheck();
  const store = openResponseStore({ backend: "memory", path: "" })!;
  const { post } = createTestApp({}, { responseStore: store });
  const session = await (await post("/v1/sessions", {})).json();
  const conversation = await (await post("/v1/conversations", {})).json();
  for (const { path, requestBody, responses } of operations) {
    if (!requestBody) continue;
    const { schema, example } = requestBody.content["application/json"];
    check(schema.$ref, example, path);
    const response = await post(
      path.replace("{session_id}", session.session_id)
        .replace("{conversation_id}", conversation.id),
      example,
    );
    const type = response.headers.get("content-type")!.split(";")[0]!;
    if (type === "text/event-stream") {
      await response.text();
      continue;
    }
    assert.equal(response.status, 200, path);
    check(responses["200"]!.content[type]!.schema.$ref, await response.json(), path);
  }
  store.close();
});

Deno.test("createDocument() describes what GET routes answer", async () => {
  const check = createCheck();
  const { send } = createTestApp();
  const paths: Record<string, string> = {
    "/v1/models": "/v1/models",
    "/v1/models/{model_id}": "/v1/models/ollm-tiny",
    "/v1/ollm/models": "/v1/ollm/models",
    "/v1/ollm/models/{model_reference}": "/v1/ollm/models/nope",
    "/v1/ollm/stats": "/v1/ollm/stats",
    "/v1/health": "/v1/health",
    "/openapi.json": "/openapi.json",
  };
  for (const [template, path] of Object.entries(paths)) {
    const { schema } = document.paths[template]!.get!.responses["200"]!
      .content["application/json"]!;
    check(schema.$ref, await (await send(path)).json(), path);
  }
});

Deno.test("createDocument() describes what bodiless POST routes answer", async () => {
  const check = createCheck();
  const { post } = createTestApp();
  for (const action of ["load", "unload"]) {
    const { schema } = document.paths[`/v1/ollm/models/{model_reference}/${action}`]!.post!
      .responses["200"]!.content["application/json"]!;
    const response = await post(`/v1/ollm/models/ollm-tiny/${action}`, {});
    check(schema.$ref, await response.json(), action);
  }
});

Deno.test("createDocument() describes the events of streams", async () => {
  const check = createCheck();
  const { post } = createTestApp();
  const example = (path: string) =>
    document.paths[path]!.post!.requestBody!.content["application/json"].example as object;
  for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/responses"]) {
    const body = { ...example(path), stream: true };
    const text = await (await post(path, body)).text();
    const { schema } = document.paths[path]!.post!.responses["200"]!.content["text/event-stream"]!;
    for (const [, data] of text.matchAll(/^data: (\{.*)$/gm)) {
      check(schema.$ref, JSON.parse(data!), path);
    }
  }
});

Deno.test("createDocument() describes the errors of both families", async () => {
  const check = createCheck();
  const { post } = createTestApp();
  const cases: [string, unknown, string][] = [
    ["/v1/chat/completions", {}, "4XX"],
    ["/v1/prompt", { prompt: "" }, "4XX"],
    ["/v1/prompt", { made_up: 1 }, "422"],
  ];
  for (const [path, body, status] of cases) {
    const { schema } = document.paths[path]!.post!.responses[status]!.content["application/json"]!;
    check(schema.$ref, await (await post(path, body)).json(), path);
  }
});

Deno.test("createDocument() asks for a key where the server does", async () => {
  assert.ok(operations.every(({ security }) => security === undefined));
  const { paths, components } = await readDocument({ apiKeys: ["key"] });
  assert.deepEqual(components.securitySchemes, { apiKey: { type: "http", scheme: "bearer" } });
  for (const [path, methods] of Object.entries(paths)) {
    for (const { security } of Object.values(methods)) {
      assert.deepEqual(security, path === "/v1/health" ? undefined : [{ apiKey: [] }], path);
    }
  }
});
