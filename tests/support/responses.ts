/**
 * Asks an app for responses, with a store and without.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openResponseStore } from "../../server/stores/open.ts";
import type { ResponseStore } from "../../server/stores/response_store.ts";
import { createTestApp, readData, type TestApp } from "./app.ts";
import type { StubOptions } from "./stub_engine.ts";

/** Where responses are made. */
export const PATH = "/v1/responses";

/** The smallest request. */
export const HELLO = { model: "ollm-tiny", input: "List three planets" };

/** A function that a model may call. */
export const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

/** An app that keeps responses in memory. */
export interface StoredApp extends TestApp {
  store: ResponseStore;
  /** Posts a request and reads the reply. */
  create(change?: Record<string, unknown>): ReturnType<Response["json"]>;
  get(path: string): ReturnType<Response["json"]>;
  /** Reads a response until it is final. */
  poll(id: string): ReturnType<Response["json"]>;
  delete(path: string): Promise<Response>;
  cancel(id: string): Promise<Response>;
}

/** Runs `use` with such an app. */
export async function withStore(
  use: (app: StoredApp) => Promise<void>,
  stub: StubOptions = {},
): Promise<void> {
  const store = openResponseStore({ backend: "memory", path: "" })!;
  const app = createTestApp(stub, { responseStore: store });
  const get = async (path: string) => await (await app.send(path)).json();
  await use({
    ...app,
    store,
    get,
    create: async (change) => await (await app.post(PATH, { ...HELLO, ...change })).json(),
    async poll(id) {
      for (let i = 0; i < 200; i++) {
        const response = await get(`${PATH}/${id}`);
        if (response.status !== "queued" && response.status !== "in_progress") return response;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error(`The response ${id} does not end`);
    },
    delete: (path) => app.send(path, { method: "DELETE" }),
    cancel: (id) => app.send(`${PATH}/${id}/cancel`, { method: "POST" }),
  });
  store.close();
}

/** Checks status and code of a refusal. */
export async function assertError(response: Response, status: number, code: string): Promise<void> {
  assert.equal(response.status, status);
  assert.equal((await response.json()).error.code, code);
}

/** The events of a stream; their names must be the frames' and their numbers must count from 0. */
export async function readEvents(response: Response) {
  const text = await response.clone().text();
  const names = text.split("\n").filter((line) => line.startsWith("event: "));
  const events = (await readData(response)).map((data) => JSON.parse(data));
  assert.deepEqual(names, events.map(({ type }) => `event: ${type}`));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
  return events;
}
