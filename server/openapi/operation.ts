/**
 * What `/openapi.json` says of one route, beyond what the route table knows.
 *
 * @module
 */
import type { z } from "zod";

/** Groups of routes, with what they are for. */
export const TAGS = {
  "openai-compatible": "What OpenAI's clients use. Unknown fields are ignored.",
  models: "What is on this machine, and how it would be run.",
  runtime: "Native prompts and plans. Unknown fields are refused.",
  sessions: "Conversations that the server keeps in memory.",
  system: "The server itself.",
} as const;

/** A group's name. */
export type Tag = keyof typeof TAGS;

/** A schema that gets a name of its own in the document. */
export interface NamedSchema {
  name: string;
  schema: z.ZodType;
}

/** One reply of a route, by its media type. */
export type Reply =
  | { type: "application/json"; body: NamedSchema }
  | {
    type: "text/event-stream";
    /** One event's data. */
    event: NamedSchema;
    /** Names and order of the events. */
    description: string;
  }
  | { type: "text/html" | "text/plain" | "text/css" | "text/javascript" };

/** One route. */
export interface Operation {
  /** Unique; clients make a function's name of it. */
  id: string;
  tag: Tag;
  /** One line. */
  summary: string;
  /** What a trailing `*` of the path stands for. */
  rest?: string;
  query?: z.ZodObject;
  body?: NamedSchema;
  /** A body that works as it stands; Swagger UI begins with it. */
  example?: Record<string, unknown>;
  /** What a 200 carries; several where the request decides. */
  replies: Reply[];
}

/** Names a schema. */
export function named(name: string, schema: z.ZodType): NamedSchema {
  return { name, schema };
}

/** A reply in JSON. */
export function json(name: string, schema: z.ZodType): Reply {
  return { type: "application/json", body: { name, schema } };
}

/** A reply of events. */
export function events(name: string, schema: z.ZodType, description: string): Reply {
  return { type: "text/event-stream", event: { name, schema }, description };
}
