/**
 * Why a request may end early: its client left, it took too long, or the server goes down.
 *
 * @module
 */
import type { Services } from "./context.ts";
import { ApiError, requestCancelled } from "./errors.ts";

/** What can end a request. */
export interface CancellationOptions {
  /** Fires when the client's connection closes. */
  clientSignal: AbortSignal;
  /** Fires with an {@linkcode ApiError} when the server must stop now. */
  endSignal: AbortSignal;
  /** From now to the last token. */
  timeoutMs: number;
}

/** One request's cancellation; its `signal` goes to the engine. */
export class Cancellation {
  /** Aborted as soon as nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly #own = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor({ clientSignal, endSignal, timeoutMs }: CancellationOptions) {
    this.signal = AbortSignal.any([clientSignal, endSignal, this.#own.signal]);
    this.#timer = setTimeout(() => this.#own.abort(timedOut(timeoutMs)), timeoutMs);
  }

  /** Ends the request, for a client that left or stopped reading. */
  abort(): void {
    this.end();
    this.#own.abort();
  }

  /** The request is answered: stops the clock. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** What a client that still listens is told about a generation that was cancelled. */
  toError(): ApiError {
    const { reason } = this.signal;
    if (reason instanceof ApiError) return reason;
    return requestCancelled();
  }
}

/** That of a request whose client has this signal. */
export function createCancellation(
  clientSignal: AbortSignal,
  { drain, limits }: Pick<Services, "drain" | "limits">,
): Cancellation {
  const { endSignal } = drain;
  return new Cancellation({ clientSignal, endSignal, timeoutMs: limits.requestTimeoutMs });
}

function timedOut(timeoutMs: number): ApiError {
  return new ApiError(504, `The request took longer than the limit of ${timeoutMs / 1000} s`, {
    code: "request_timeout",
  });
}
