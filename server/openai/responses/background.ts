/**
 * Responses that run without a client: started, watched by any number of readers, cancelled, and waited for on the way
 * down.
 *
 * @module
 */
import { log } from "../../log.ts";
import type { ResponseEvent } from "./events.ts";
import { isFinal, type ResponseObject } from "./response.ts";
import { withKeepAlive } from "../../waiting.ts";
import { failEvent, type ResponseRun, writeResponse } from "./run.ts";

/** A response that runs in the background, and all events so far. */
export class BackgroundRun {
  readonly #run: ResponseRun;
  readonly #events: ResponseEvent[] = [];
  /** Readers that have seen everything. */
  #waiting: (() => void)[] = [];
  /** Why somebody ended it. */
  #ending: "cancelled" | "deleted" | null = null;
  #isOver = false;
  /** Resolves after the last event, whatever it was. */
  readonly done: Promise<void>;

  /**
   * Starts at once.
   *
   * @param keep stores the response's last state, with its events
   */
  constructor(
    run: Omit<ResponseRun, "commit">,
    options: {
      silenceMs: number;
      keep: (response: ResponseObject, events: ResponseEvent[]) => Promise<void>;
    },
  ) {
    this.#run = { ...run, commit: (response) => options.keep(response, [...this.#events]) };
    this.done = this.#write(options.silenceMs);
  }

  /** The response as it is now. */
  get response(): ResponseObject {
    return this.#run.machine.response;
  }

  /** Events with a higher number, those to come included; leaving early leaves the run alone. */
  async *follow(after: number): AsyncGenerator<ResponseEvent> {
    for (let next = after + 1;; next++) {
      while (next >= this.#events.length) {
        if (this.#isOver) return;
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      yield this.#events[next]!;
    }
  }

  /** Ends it now, if it has not ended. */
  async cancel(): Promise<void> {
    await this.#endAs("cancelled");
  }

  /** Ends it now, and tells its readers that there is no response to read. */
  async delete(): Promise<void> {
    await this.#endAs("deleted");
  }

  async #endAs(ending: "cancelled" | "deleted"): Promise<void> {
    this.#ending ??= ending;
    this.#run.cancellation.abort();
    await this.done;
  }

  async #write(silenceMs: number): Promise<void> {
    const { machine, cancellation } = this.#run;
    const events = withKeepAlive(writeResponse(this.#run), {
      silenceMs,
      create: () => machine.keepAlive(),
    });
    try {
      for await (const event of events) this.#add(event);
    } catch (error) {
      await this.#end(error);
    } finally {
      cancellation.end();
      this.#isOver = true;
      this.#wake();
    }
  }

  async #end(error: unknown): Promise<void> {
    const { machine } = this.#run;
    if (this.#ending === "deleted") {
      this.#add(machine.error("response_deleted", "The response was deleted"));
      return;
    }
    const last = this.#ending === "cancelled" ? machine.cancel() : failEvent(machine, error);
    try {
      await this.#run.commit(machine.response);
    } catch (storeError) {
      log.error("Cannot store the end of {id}: {error}", {
        id: machine.response.id,
        error: storeError instanceof Error ? storeError.message : String(storeError),
      });
    }
    this.#add(last);
  }

  #add(event: ResponseEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The runs of one server, by the id of their response. */
export class BackgroundRuns {
  readonly #runs = new Map<string, BackgroundRun>();

  /** Those that have not ended. */
  get size(): number {
    return this.#runs.size;
  }

  add(id: string, run: BackgroundRun): void {
    this.#runs.set(id, run);
    void run.done.then(() => this.#runs.delete(id));
  }

  find(id: string): BackgroundRun | undefined {
    return this.#runs.get(id);
  }

  async whenIdle(): Promise<void> {
    while (this.size > 0) {
      await Promise.all([...this.#runs.values()].map((run) => run.done));
    }
  }
}

/** The event that ends the stream of a finished response. */
export function lastEvent(response: ResponseObject, sequenceNumber: number): ResponseEvent {
  if (!isFinal(response)) throw new Error(`The response ${response.id} has not ended`);
  const type = response.status === "completed"
    ? "response.completed"
    : response.status === "incomplete"
    ? "response.incomplete"
    : "response.failed";
  return { type, response, sequence_number: sequenceNumber };
}
