/**
 * Runs one response from its generation to its last event. Knows no route, and of the store only that a response is
 * kept before anyone hears that it is complete.
 *
 * @module
 */
import type { Generation } from "../../../engine/mod.ts";
import type { Cancellation } from "../../cancellation.ts";
import { type ApiError, renameParam, toApiError } from "../../errors.ts";
import type { SseFrame } from "../../sse.ts";
import type { ResponseEvent } from "./events.ts";
import type { ResponseMachine } from "./machine.ts";
import type { ResponseObject } from "./response.ts";

/** A response that is being made. */
export interface ResponseRun {
  machine: ResponseMachine;
  /** Resolves when the engine has accepted it. */
  generation: Promise<Generation>;
  cancellation: Cancellation;
  /** Keeps the finished response; a rejection makes it a failed one. */
  commit(response: ResponseObject): Promise<void>;
}

/**
 * All events of a response that can be had.
 *
 * @throws {ApiError} it was refused, failed, was cancelled, or could not be kept
 */
export async function* writeResponse(run: ResponseRun): AsyncGenerator<ResponseEvent> {
  const { machine, cancellation } = run;
  try {
    const isQueued = machine.status === "queued";
    yield* machine.start();
    if (!isQueued) yield* machine.begin();
    const generation = await run.generation;
    if (isQueued) yield* machine.begin();
    for await (const event of generation) {
      if (event.type !== "finish") {
        yield* machine.push(event);
        continue;
      }
      if (event.reason === "cancelled") break;
      yield* machine.end(event);
      await run.commit(machine.response);
      yield machine.conclude();
      return;
    }
  } catch (error) {
    throw toResponsesError(error);
  }
  throw cancellation.toError();
}

/** A failed response's last event. */
export function failEvent(machine: ResponseMachine, error: unknown): ResponseEvent {
  const { status, code, message } = toApiError(error);
  if (status === 429) return machine.fail({ code: "rate_limit_exceeded", message });
  const isClients = status < 500 && code !== null;
  return machine.fail({ code: isClients ? code : "server_error", message });
}

/** The engine's `messages` and `response_format` are other fields of this request. */
export function toResponsesError(error: unknown): ApiError {
  return renameParam(error, PARAMS);
}

const PARAMS: Readonly<Record<string, string>> = {
  messages: "input",
  max_tokens: "max_output_tokens",
  response_format: "text.format",
};

/** One event on the wire. */
export function toFrame(event: ResponseEvent): SseFrame {
  return { event: event.type, data: JSON.stringify(event) };
}
