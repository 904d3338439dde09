/** The native routes and those of the server itself. @module */
import {
  LoadQuery,
  ModelQuery,
  ModelsQuery,
  PlanRequest,
  PromptRequest,
  SessionPromptRequest,
  SessionRequest,
} from "../schema/native.ts";
import * as replies from "../schema/replies/native.ts";
import { events, json, named, type Operation } from "./operation.ts";
import { z } from "zod";

const prompt = json("Prompt", replies.PromptReply);
const session = json("Session", replies.SessionReply);
const promptEvents = events(
  "PromptEvent",
  replies.PromptEventReply,
  "Events: one status or more, any number of text, then complete or error.",
);

/** By method and path, as the route table has them. */
export const NATIVE_OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /v1/ollm/models": {
    id: "listModelInfos",
    tag: "models",
    summary: "List every package here with its plan",
    query: ModelsQuery,
    replies: [json("ModelInfos", replies.ModelInfosReply)],
  },
  "GET /v1/ollm/models/*": {
    id: "retrieveModelInfo",
    tag: "models",
    summary: "Look at a package and its plan; an unknown one is unsupported",
    rest: "model_reference",
    query: ModelQuery,
    replies: [json("ModelInfo", replies.ModelInfoReply)],
  },
  "POST /v1/ollm/models/:model_reference{.+}/load": {
    id: "loadModel",
    tag: "models",
    summary: "Load a model now, and download it first if needed",
    query: LoadQuery,
    replies: [json("Load", replies.LoadReply)],
  },
  "POST /v1/ollm/models/:model_reference{.+}/unload": {
    id: "unloadModel",
    tag: "models",
    summary: "Unload a model; what it generates ends with an error",
    replies: [json("Unload", replies.UnloadReply)],
  },
  "GET /v1/ollm/stats": {
    id: "stats",
    tag: "models",
    summary: "Read the loaded models' counters, memory and end",
    replies: [json("Stats", replies.StatsReply)],
  },
  "POST /v1/plan": {
    id: "plan",
    tag: "runtime",
    summary: "Say what loading a model would do, without loading it",
    body: named("PlanRequest", PlanRequest),
    example: { runtime: { model_reference: "ollm-tiny" } },
    replies: [json("Plan", replies.PlanReply)],
  },
  "POST /v1/prompt": {
    id: "prompt",
    tag: "runtime",
    summary: "Answer one prompt",
    body: named("PromptRequest", PromptRequest),
    example: { prompt: "List three planets" },
    replies: [prompt],
  },
  "POST /v1/prompt/stream": {
    id: "streamPrompt",
    tag: "runtime",
    summary: "Answer one prompt, as events",
    body: named("PromptRequest", PromptRequest),
    example: { prompt: "List three planets" },
    replies: [promptEvents],
  },
  "POST /v1/sessions": {
    id: "createSession",
    tag: "sessions",
    summary: "Start a session",
    body: named("SessionRequest", SessionRequest),
    example: { session_name: "planets" },
    replies: [session],
  },
  "GET /v1/sessions/:session_id": {
    id: "retrieveSession",
    tag: "sessions",
    summary: "Read a session and its transcript",
    replies: [session],
  },
  "POST /v1/sessions/:session_id/prompt": {
    id: "promptSession",
    tag: "sessions",
    summary: "Take the next turn of a session",
    body: named("SessionPromptRequest", SessionPromptRequest),
    example: { prompt: "List three planets" },
    replies: [prompt],
  },
  "POST /v1/sessions/:session_id/prompt/stream": {
    id: "streamSessionPrompt",
    tag: "sessions",
    summary: "Take the next turn of a session, as events",
    body: named("SessionPromptRequest", SessionPromptRequest),
    example: { prompt: "List three planets" },
    replies: [promptEvents],
  },
  "GET /v1/health": {
    id: "health",
    tag: "system",
    summary: "See that the server is up",
    replies: [json("Health", replies.HealthReply)],
  },
  "GET /metrics": {
    id: "metrics",
    tag: "system",
    summary: "Read the metrics in Prometheus' text format",
    replies: [{ type: "text/plain" }],
  },
  "GET /openapi.json": {
    id: "openapi",
    tag: "system",
    summary: "Read this document",
    replies: [json("OpenApiDocument", z.looseObject({ openapi: z.string() }))],
  },
  "GET /docs": {
    id: "swaggerUi",
    tag: "system",
    summary: "Read this document in Swagger UI",
    replies: [{ type: "text/html" }],
  },
  "GET /redoc": {
    id: "redoc",
    tag: "system",
    summary: "Read this document in ReDoc",
    replies: [{ type: "text/html" }],
  },
  "GET /docs/:asset": {
    id: "docsAsset",
    tag: "system",
    summary: "Get a file of the two pages",
    replies: [{ type: "text/javascript" }, { type: "text/css" }],
  },
};
