/**
 * Responses that are kept or still running in the background: retrieve, delete, cancel, list their input.
 *
 * @module
 */
import type { AppContext, Services } from "../../context.ts";
import { ApiError, badRequest } from "../../errors.ts";
import { type SseFrame, sseResponse } from "../../sse.ts";
import type { ResponseStore } from "../../stores/response_store.ts";
import { lastEvent } from "./background.ts";
import { followRun } from "./create.ts";
import { readPageQuery, toPageBody } from "./page.ts";
import { isFinal, type ResponseObject } from "./response.ts";
import { toFrame } from "./run.ts";

/** `GET /v1/responses/{response_id}`, with `stream=true` as its events. */
export function retrieveResponse(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const id = c.req.param("response_id")!;
    const run = services.responses.runs.find(id);
    const stored = await requireResponse(store, id);
    if (!readSwitch(c, "stream")) return c.json(run?.response ?? stored);
    const after = readStartingAfter(c);
    if (run) return followRun(run, after, services);
    return await replay(store, stored, { after, services });
  };
}

/** `DELETE /v1/responses/{response_id}`; a run in the background ends. */
export function deleteResponse(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const id = c.req.param("response_id")!;
    if (!await store.deleteResponse(id)) throw responseNotFound(id);
    await services.responses.runs.find(id)?.delete();
    return c.json({ id, object: "response", deleted: true });
  };
}

/** `POST /v1/responses/{response_id}/cancel`; what has ended stays as it is. */
export function cancelResponse(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const id = c.req.param("response_id")!;
    const { background } = await requireResponse(store, id);
    if (!background) {
      throw badRequest(
        "response_id",
        "Only responses that were created with background set to true can be cancelled",
      );
    }
    const run = services.responses.runs.find(id);
    await run?.cancel();
    return c.json(run?.response ?? await requireResponse(store, id));
  };
}

/** `GET /v1/responses/{response_id}/input_items`: everything that the model read. */
export function listInputItems(services: Services) {
  return async (c: AppContext): Promise<Response> => {
    const store = requireStore(services);
    const id = c.req.param("response_id")!;
    await requireResponse(store, id);
    return c.json(toPageBody(await store.pageInputItems(id, readPageQuery(c))));
  };
}

/** @throws {ApiError} 501 */
export function requireStore({ responses }: Services): ResponseStore {
  if (responses.store) return responses.store;
  throw new ApiError(
    501,
    "Response storage is off; start the server with --response-store-backend memory or sqlite",
    { code: "responses_storage_disabled" },
  );
}

async function requireResponse(store: ResponseStore, id: string): Promise<ResponseObject> {
  const response = await store.getResponse(id);
  if (response === undefined) throw responseNotFound(id);
  return response;
}

function responseNotFound(id: string): ApiError {
  return new ApiError(404, `Response with id '${id.slice(0, 80)}' not found`, {
    param: "response_id",
    code: "response_not_found",
  });
}

async function replay(
  store: ResponseStore,
  response: ResponseObject,
  { after, services: { limits } }: { after: number; services: Services },
): Promise<Response> {
  const events = await store.getEvents(response.id);
  if (events === undefined || !isFinal(response)) {
    throw badRequest(
      "stream",
      'Invalid "stream": only responses that were created with background set to true keep their events',
    );
  }
  const all = [...events, lastEvent(response, events.length)];
  const frames = all.filter((event) => event.sequence_number > after).map(toFrame);
  return sseResponse(toAsync(frames), { ...limits, onAbort: () => {}, onEnd: () => {} });
}

async function* toAsync(frames: SseFrame[]): AsyncGenerator<SseFrame> {
  yield* frames;
}

function readSwitch(c: AppContext, name: string): boolean {
  const text = c.req.query(name) ?? "false";
  if (text === "true" || text === "false") return text === "true";
  throw badRequest(name, `Invalid "${name}": expected true or false`);
}

/** Before the first event unless the client says otherwise. */
function readStartingAfter(c: AppContext): number {
  const text = c.req.query("starting_after");
  if (text === undefined) return -1;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badRequest("starting_after", 'Invalid "starting_after": expected the number of an event');
}
