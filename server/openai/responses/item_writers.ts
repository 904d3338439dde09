/**
 * One output item while the model writes it: opens, takes text, closes, and says what clients are to hear of it.
 *
 * @module
 */
import type { ChosenTokenLogprob } from "../../../engine/mod.ts";
import { type ChosenLogprobBody, toLogprobBodies } from "../logprobs.ts";
import type { EventBody } from "./events.ts";
import type {
  FunctionCallItem,
  ItemStatus,
  MessageItem,
  OutputItem,
  OutputText,
  ReasoningItem,
} from "./items.ts";

/** An item that is being written. */
export interface ItemWriter {
  /** The item as it is now; changes with every call. */
  readonly item: OutputItem;
  open(): EventBody[];
  /** Empty text says nothing. */
  write(text: string, logprobs?: ChosenTokenLogprob[]): EventBody[];
  close(status: ItemStatus): EventBody[];
}

/** Writes a message of one text part. */
export class MessageWriter implements ItemWriter {
  readonly item: MessageItem;
  readonly #part: OutputText;
  readonly #at: { item_id: string; output_index: number; content_index: number };
  readonly #hasLogprobs: boolean;
  /** Log-probabilities of tokens whose text is still held back. */
  #pending: ChosenLogprobBody[] = [];

  constructor(id: string, outputIndex: number, hasLogprobs: boolean) {
    this.item = { id, type: "message", status: "in_progress", role: "assistant", content: [] };
    this.#part = {
      type: "output_text",
      text: "",
      annotations: [],
      ...(hasLogprobs ? { logprobs: [] } : {}),
    };
    this.#at = { item_id: id, output_index: outputIndex, content_index: 0 };
    this.#hasLogprobs = hasLogprobs;
  }

  open(): EventBody[] {
    const added = itemEvent("response.output_item.added", this.#at.output_index, this.item);
    this.item.content.push(this.#part);
    const part = structuredClone(this.#part);
    return [added, { type: "response.content_part.added", ...this.#at, part }];
  }

  write(text: string, logprobs: ChosenTokenLogprob[] = []): EventBody[] {
    if (this.#hasLogprobs) this.#pending.push(...toLogprobBodies(logprobs));
    if (text === "") return [];
    this.#part.text += text;
    return [{
      type: "response.output_text.delta",
      ...this.#at,
      delta: text,
      logprobs: this.#takePending(),
    }];
  }

  close(status: ItemStatus): EventBody[] {
    this.#takePending();
    this.item.status = status;
    const { text, logprobs = [] } = this.#part;
    return [
      { type: "response.output_text.done", ...this.#at, text, logprobs: [...logprobs] },
      { type: "response.content_part.done", ...this.#at, part: structuredClone(this.#part) },
      itemEvent("response.output_item.done", this.#at.output_index, this.item),
    ];
  }

  #takePending(): ChosenLogprobBody[] {
    const taken = this.#pending.splice(0);
    if (this.#hasLogprobs) this.#part.logprobs!.push(...taken);
    return taken;
  }
}

/** Writes the model's thoughts as they are. */
export class ReasoningWriter implements ItemWriter {
  readonly item: ReasoningItem & { content: NonNullable<ReasoningItem["content"]> };
  readonly #part: { type: "reasoning_text"; text: string } = { type: "reasoning_text", text: "" };
  readonly #at: { item_id: string; output_index: number; content_index: number };

  constructor(id: string, outputIndex: number) {
    this.item = { id, type: "reasoning", status: "in_progress", summary: [], content: [] };
    this.#at = { item_id: id, output_index: outputIndex, content_index: 0 };
  }

  open(): EventBody[] {
    const added = itemEvent("response.output_item.added", this.#at.output_index, this.item);
    this.item.content.push(this.#part);
    return [added, { type: "response.content_part.added", ...this.#at, part: { ...this.#part } }];
  }

  write(text: string): EventBody[] {
    if (text === "") return [];
    this.#part.text += text;
    return [{ type: "response.reasoning_text.delta", ...this.#at, delta: text }];
  }

  close(status: ItemStatus): EventBody[] {
    this.item.status = status;
    return [
      { type: "response.reasoning_text.done", ...this.#at, text: this.#part.text },
      { type: "response.content_part.done", ...this.#at, part: { ...this.#part } },
      itemEvent("response.output_item.done", this.#at.output_index, this.item),
    ];
  }
}

/** Writes the model's thoughts where clients that asked for a summary look for them. */
export class ReasoningSummaryWriter implements ItemWriter {
  readonly item: ReasoningItem;
  readonly #part: { type: "summary_text"; text: string } = { type: "summary_text", text: "" };
  readonly #at: { item_id: string; output_index: number; summary_index: number };

  constructor(id: string, outputIndex: number) {
    this.item = { id, type: "reasoning", status: "in_progress", summary: [] };
    this.#at = { item_id: id, output_index: outputIndex, summary_index: 0 };
  }

  open(): EventBody[] {
    const added = itemEvent("response.output_item.added", this.#at.output_index, this.item);
    this.item.summary.push(this.#part);
    const part = { ...this.#part };
    return [added, { type: "response.reasoning_summary_part.added", ...this.#at, part }];
  }

  write(text: string): EventBody[] {
    if (text === "") return [];
    this.#part.text += text;
    return [{ type: "response.reasoning_summary_text.delta", ...this.#at, delta: text }];
  }

  close(status: ItemStatus): EventBody[] {
    this.item.status = status;
    const part = { ...this.#part };
    return [
      { type: "response.reasoning_summary_text.done", ...this.#at, text: part.text },
      { type: "response.reasoning_summary_part.done", ...this.#at, part },
      itemEvent("response.output_item.done", this.#at.output_index, this.item),
    ];
  }
}

/** Options of {@linkcode CallWriter}. */
export interface CallWriterOptions {
  id: string;
  callId: string;
  name: string;
}

/** Writes a function call. */
export class CallWriter implements ItemWriter {
  readonly item: FunctionCallItem;
  readonly #at: { item_id: string; output_index: number };

  constructor({ id, callId, name }: CallWriterOptions, outputIndex: number) {
    this.item = {
      id,
      type: "function_call",
      status: "in_progress",
      call_id: callId,
      name,
      arguments: "",
    };
    this.#at = { item_id: id, output_index: outputIndex };
  }

  open(): EventBody[] {
    return [itemEvent("response.output_item.added", this.#at.output_index, this.item)];
  }

  write(text: string): EventBody[] {
    if (text === "") return [];
    this.item.arguments += text;
    return [{ type: "response.function_call_arguments.delta", ...this.#at, delta: text }];
  }

  close(status: ItemStatus): EventBody[] {
    this.item.status = status;
    const { name, arguments: text } = this.item;
    return [
      { type: "response.function_call_arguments.done", ...this.#at, name, arguments: text },
      itemEvent("response.output_item.done", this.#at.output_index, this.item),
    ];
  }
}

function itemEvent(
  type: "response.output_item.added" | "response.output_item.done",
  outputIndex: number,
  item: OutputItem,
): EventBody {
  return { type, output_index: outputIndex, item: structuredClone(item) };
}
