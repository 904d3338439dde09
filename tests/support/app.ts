/**
 * Hands requests to an app as a local client would send them.
 *
 * @module
 */
import type { Hono } from "@hono/hono";
import { createApp } from "../../server/app.ts";
import type { AppEnv, AppOptions } from "../../server/context.ts";
import { createStubEngine, type StubEngine, type StubOptions } from "./stub_engine.ts";

/** An app on a stub engine. */
export interface TestApp {
  app: Hono<AppEnv>;
  engine: StubEngine;
  /** Sends a request with a Host header; an object body goes as JSON. */
  send(path: string, init?: SendInit): Promise<Response>;
  /** Posts JSON. */
  post(path: string, body: unknown, init?: SendInit): Promise<Response>;
}

/** A `RequestInit` whose body may be an object. */
export interface SendInit extends Omit<RequestInit, "headers"> {
  headers?: Record<string, string>;
}

/** Builds the app. */
export function createTestApp(
  stub: StubOptions = {},
  options: Partial<AppOptions> = {},
): TestApp {
  const engine = createStubEngine(stub);
  const app = createApp({
    engine,
    version: "1.2.3",
    defaults: { model: "ollm-tiny", modelsDir: "/models", sampling: { temperature: 0 } },
    ...options,
  });
  async function send(path: string, { headers, ...init }: SendInit = {}): Promise<Response> {
    const request = new Request(`http://localhost:8000${path}`, {
      ...init,
      headers: { host: "localhost:8000", ...headers },
    });
    return await app.fetch(request);
  }
  return {
    app,
    engine,
    send,
    post: (path, body, init = {}) =>
      send(path, {
        method: "POST",
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
  };
}

/** The `data:` texts of an event stream, in order; comments and names are left out. */
export async function readData(response: Response): Promise<string[]> {
  const text = await response.text();
  return text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
}
