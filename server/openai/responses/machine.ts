/**
 * From a generation's events to a response's events and the response itself. Pure: ids and the clock come in, nothing
 * else does. A stream sends what it returns; a reply that is not streamed is the response that remains.
 *
 * @module
 */
import type { GenerationEvent } from "../../../engine/mod.ts";
import type { FinishEvent } from "../../generation.ts";
import type { EventBody, ResponseEvent } from "./events.ts";
import {
  CallWriter,
  type ItemWriter,
  MessageWriter,
  ReasoningSummaryWriter,
  ReasoningWriter,
} from "./item_writers.ts";
import { ID_PREFIX, type ItemStatus } from "./items.ts";
import { type ResponseObject, type ResponseStatus, toResponseUsage } from "./response.ts";

/** Options of {@linkcode ResponseMachine}. */
export interface MachineOptions {
  /** A new id that begins with the prefix. */
  newId: (prefix: string) => string;
  /** Unix seconds. */
  now: () => number;
  /** Whether text carries log-probabilities. */
  hasLogprobs: boolean;
  /** Whether thoughts are shown as a summary instead of as themselves. */
  isReasoningSummarized: boolean;
}

/** An event that adds to the output. */
export type OutputEvent = Exclude<GenerationEvent, { type: "finish" }>;

/**
 * Writes one response. The order of calls is `start`, `begin`, any number of `push`, `end`, `conclude`; or, from
 * anywhere before the last, `fail`, `cancel` or `error`.
 */
export class ResponseMachine {
  readonly #response: ResponseObject;
  readonly #options: MachineOptions;
  #numEvents = 0;
  #open: { kind: string; writer: ItemWriter } | null = null;

  /** @param response copied */
  constructor(response: ResponseObject, options: MachineOptions) {
    this.#response = structuredClone(response);
    this.#options = options;
  }

  /** The response as it is now; a copy. */
  get response(): ResponseObject {
    return structuredClone(this.#response);
  }

  /** How far the response is. */
  get status(): ResponseStatus {
    return this.#response.status;
  }

  /** The first event; a second one when the response waits in the background. */
  start(): ResponseEvent[] {
    const created: EventBody = { type: "response.created", response: this.response };
    if (this.#response.status !== "queued") return this.#number([created]);
    return this.#number([created, { type: "response.queued", response: this.response }]);
  }

  /** The model is at work. */
  begin(): ResponseEvent[] {
    this.#response.status = "in_progress";
    return this.#number([{ type: "response.in_progress", response: this.response }]);
  }

  /** The model wrote something. */
  push(event: OutputEvent): ResponseEvent[] {
    switch (event.type) {
      case "text": {
        // Text that only carries log-probabilities begins no message.
        if (event.text === "" && this.#open?.kind !== "message") return [];
        const opened = this.#switchTo("message");
        return this.#number([...opened, ...this.#open!.writer.write(event.text, event.logprobs)]);
      }
      case "reasoning": {
        if (event.text === "") return [];
        const opened = this.#switchTo("reasoning");
        return this.#number([...opened, ...this.#open!.writer.write(event.text)]);
      }
      case "tool_call":
        return this.#number(this.#switchTo(`call ${event.index}`, event.name));
      case "tool_call_arguments":
        if (this.#open?.kind !== `call ${event.index}`) {
          throw new Error(`Arguments of call ${event.index} came while another item is open`);
        }
        return this.#number(this.#open.writer.write(event.text));
    }
  }

  /** The model has ended: closes what is open. The response is final, and nobody has heard of it yet. */
  end({ reason, usage }: FinishEvent): ResponseEvent[] {
    const isCut = reason === "length";
    // A model that says nothing has answered with an empty text.
    const events = this.#response.output.length === 0 ? this.#switchTo("message") : [];
    events.push(...this.#close(isCut ? "incomplete" : "completed"));
    this.#response.status = isCut ? "incomplete" : "completed";
    this.#response.incomplete_details = isCut ? { reason: "max_output_tokens" } : null;
    this.#response.usage = toResponseUsage(usage);
    if (!isCut) this.#response.completed_at = this.#options.now();
    return this.#number(events);
  }

  /** The last event after `end`. */
  conclude(): ResponseEvent {
    const type = this.#response.status === "incomplete"
      ? "response.incomplete"
      : "response.completed";
    return this.#number([{ type, response: this.response }])[0]!;
  }

  /** The last event of a response that cannot be had. */
  fail(error: { code: string; message: string }): ResponseEvent {
    return this.#abandon("failed", error);
  }

  /** The last event of a response that nobody wants any more. */
  cancel(): ResponseEvent {
    return this.#abandon("cancelled", null);
  }

  /** The last event of a stream whose response is there no more. */
  error(code: string, message: string): ResponseEvent {
    return this.#number([{ type: "error", code, message, param: null }])[0]!;
  }

  /** Says that the silence is not the end. */
  keepAlive(): ResponseEvent {
    return this.#number([{ type: "keepalive" }])[0]!;
  }

  /** OpenAI has no event of its own for a cancelled response, so its status tells it apart from a failed one. */
  #abandon(status: "failed" | "cancelled", error: ResponseObject["error"]): ResponseEvent {
    Object.assign(this.#response, {
      status,
      error,
      output: [],
      completed_at: null,
      incomplete_details: null,
    });
    return this.#number([{ type: "response.failed", response: this.response }])[0]!;
  }

  /** Closes the open item if it is another one, and opens this one. */
  #switchTo(kind: string, name = ""): EventBody[] {
    if (this.#open?.kind === kind) return [];
    const closed = this.#close("completed");
    const writer = this.#createWriter(kind, name);
    this.#open = { kind, writer };
    const opened = writer.open();
    this.#response.output.push(writer.item);
    return [...closed, ...opened];
  }

  #createWriter(kind: string, name: string): ItemWriter {
    const { newId, hasLogprobs, isReasoningSummarized } = this.#options;
    const index = this.#response.output.length;
    if (kind === "message") return new MessageWriter(newId(ID_PREFIX.message), index, hasLogprobs);
    if (kind === "reasoning") {
      const Writer = isReasoningSummarized ? ReasoningSummaryWriter : ReasoningWriter;
      return new Writer(newId(ID_PREFIX.reasoning), index);
    }
    const ids = { id: newId(ID_PREFIX.function_call), callId: newId("call_") };
    return new CallWriter({ ...ids, name }, index);
  }

  #close(status: ItemStatus): EventBody[] {
    const events = this.#open?.writer.close(status) ?? [];
    this.#open = null;
    return events;
  }

  #number(events: EventBody[]): ResponseEvent[] {
    return events.map((event) => ({ ...event, sequence_number: this.#numEvents++ }));
  }
}
