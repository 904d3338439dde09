/**
 * `/openapi.json`: the route table, what is said of each route, and the schemas that check its requests.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html
 * @module
 */
import { z } from "zod";
import { familyOf } from "../errors.ts";
import { DetailReply, ValidationReply } from "../schema/replies/native.ts";
import { OpenAiErrorReply } from "../schema/replies/openai.ts";
import { NATIVE_OPERATIONS } from "./native_operations.ts";
import { OPENAI_OPERATIONS } from "./openai_operations.ts";
import { type NamedSchema, type Operation, type Reply, TAGS } from "./operation.ts";
import { RESPONSES_OPERATIONS } from "./responses_operations.ts";

/** The part of the route table that is read. */
export interface DocumentedRoute {
  method: string;
  path: string;
}

/** Options of {@linkcode createDocument}. */
export interface DocumentOptions {
  /** The program's. */
  version: string;
  /** Whether requests need a key. */
  needsKey: boolean;
}

/** JSON Schema, or any other part of the document. */
type Json = Record<string, unknown>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...OPENAI_OPERATIONS,
  ...RESPONSES_OPERATIONS,
  ...NATIVE_OPERATIONS,
};

const OPENAI_ERROR: NamedSchema = { name: "OpenAiError", schema: OpenAiErrorReply };
const NATIVE_ERROR: NamedSchema = { name: "NativeError", schema: DetailReply };
const VALIDATION_ERROR: NamedSchema = { name: "ValidationError", schema: ValidationReply };

/**
 * Builds the document.
 *
 * @throws {Error} a route of the table is not described
 */
export function createDocument(
  routes: readonly DocumentedRoute[],
  { version, needsKey }: DocumentOptions,
): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const operation = OPERATIONS[`${route.method} ${route.path}`];
    if (operation === undefined) {
      throw new Error(`${route.method} ${route.path} has no operation in server/openapi/`);
    }
    const path = toTemplate(route.path, operation);
    const isOpen = !needsKey || route.path === "/v1/health";
    (paths[path] ??= {})[route.method.toLowerCase()] = {
      ...toOperation(operation, { path, components }),
      ...(isOpen ? {} : { security: [{ apiKey: [] }] }),
    };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "oLLM",
      version,
      description: "A local LLM server: OpenAI's routes, and native ones.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: components.schemas,
      ...(needsKey ? { securitySchemes: { apiKey: { type: "http", scheme: "bearer" } } } : {}),
    },
  };
}

/** `/v1/models/*` → `/v1/models/{model_id}`. */
function toTemplate(path: string, { rest }: Operation): string {
  return path.replace(/:([a-z_]+)(?:\{\.\+\})?/g, "{$1}").replace(/\*$/, `{${rest}}`);
}

function toOperation(
  { id, tag, summary, query, body, example, replies }: Operation,
  { path, components }: { path: string; components: Components },
): Json {
  const parameters = [...toPathParameters(path), ...(query ? toQueryParameters(query) : [])];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: components.refer(body, "input"),
            ...(example === undefined ? {} : { example }),
          },
        },
      },
    }),
    responses: {
      "200": {
        description: replies.find(isEvents)?.description ?? "Success",
        content: Object.fromEntries(replies.map((reply) => toMedia(reply, components))),
      },
      ...toErrors(path, { isChecked: Boolean(query ?? body), components }),
    },
  };
}

function isEvents(reply: Reply): reply is Extract<Reply, { type: "text/event-stream" }> {
  return reply.type === "text/event-stream";
}

function toMedia(reply: Reply, components: Components): [string, Json] {
  switch (reply.type) {
    case "application/json":
      return [reply.type, { schema: components.refer(reply.body, "output") }];
    case "text/event-stream":
      return [reply.type, { schema: components.refer(reply.event, "output") }];
    default:
      return [reply.type, { schema: { type: "string" } }];
  }
}

/** @param options.isChecked whether a schema can fail */
function toErrors(
  path: string,
  { isChecked, components }: { isChecked: boolean; components: Components },
): Json {
  const toError = (description: string, schema: NamedSchema) => ({
    description,
    content: { "application/json": { schema: components.refer(schema, "output") } },
  });
  const isOpenAi = familyOf(path) === "openai";
  const schema = isOpenAi ? OPENAI_ERROR : NATIVE_ERROR;
  const unprocessable = { "422": toError("A field does not fit the schema", VALIDATION_ERROR) };
  return {
    ...(isChecked && !isOpenAi ? unprocessable : {}),
    "4XX": toError("The request cannot be served", schema),
    "5XX": toError("The server cannot serve it", schema),
  };
}

function toPathParameters(path: string): Json[] {
  return [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function toQueryParameters({ shape }: z.ZodObject): Json[] {
  return Object.entries(shape).map(([name, field]) => ({
    name,
    in: "query",
    schema: toJsonSchema(field as z.ZodType, "input"),
  }));
}

/** The named schemas of the document, each written once. */
class Components {
  readonly schemas: Record<string, Json> = {};

  /** @param io requests are shown as they are sent, replies as they arrive */
  refer({ name, schema }: NamedSchema, io: "input" | "output"): Json {
    this.schemas[name] ??= toJsonSchema(schema, io);
    return { $ref: `#/components/schemas/${name}` };
  }
}

function toJsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, "~standard": _standard, ...rest } = z.toJSONSchema(schema, {
    io,
    target: "draft-2020-12",
  }) as Json;
  return rest;
}
