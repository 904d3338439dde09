/**
 * The way down: first nothing new is taken, then what still runs is ended. Knows neither sockets nor signals.
 *
 * @module
 */
import { shuttingDown } from "./errors.ts";

/** Two one-way switches that requests look at. */
export class Drain {
  #isDraining = false;
  readonly #end = new AbortController();

  /** New requests are refused. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Aborted, with the error to tell the client, when running requests must end now. */
  get endSignal(): AbortSignal {
    return this.#end.signal;
  }

  /** Refuses new requests from now on. */
  begin(): void {
    this.#isDraining = true;
  }

  /** Ends what still runs. */
  endAll(): void {
    this.#isDraining = true;
    this.#end.abort(shuttingDown());
  }
}
