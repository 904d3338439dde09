/**
 * Events of a response's stream, with OpenAI's names and fields and no others.
 *
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 * @module
 */
import type { ChosenLogprobBody } from "../logprobs.ts";
import type { OutputItem, OutputText, ReasoningItem } from "./items.ts";
import type { ResponseObject } from "./response.ts";

/** Where in the output something happens. */
interface InItem {
  item_id: string;
  output_index: number;
}

/** Where in a message's or a reasoning's content. */
interface InContent extends InItem {
  content_index: number;
}

/** Where in a reasoning's summary. */
interface InSummary extends InItem {
  summary_index: number;
}

/** A part of content: the model's text, or its reasoning. */
type ContentPart = OutputText | NonNullable<ReasoningItem["content"]>[number];

type SummaryPart = ReasoningItem["summary"][number];

/** An event without its number. */
export type EventBody =
  | {
    type:
      | "response.created"
      | "response.queued"
      | "response.in_progress"
      | "response.completed"
      | "response.incomplete"
      | "response.failed";
    response: ResponseObject;
  }
  | {
    type: "response.output_item.added" | "response.output_item.done";
    output_index: number;
    item: OutputItem;
  }
  | (InContent & {
    type: "response.content_part.added" | "response.content_part.done";
    part: ContentPart;
  })
  | (InContent & {
    type: "response.output_text.delta";
    delta: string;
    logprobs: ChosenLogprobBody[];
  })
  | (InContent & { type: "response.output_text.done"; text: string; logprobs: ChosenLogprobBody[] })
  | (InContent & { type: "response.reasoning_text.delta"; delta: string })
  | (InContent & { type: "response.reasoning_text.done"; text: string })
  | (InSummary & {
    type: "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done";
    part: SummaryPart;
  })
  | (InSummary & { type: "response.reasoning_summary_text.delta"; delta: string })
  | (InSummary & { type: "response.reasoning_summary_text.done"; text: string })
  | (InItem & { type: "response.function_call_arguments.delta"; delta: string })
  | (InItem & {
    type: "response.function_call_arguments.done";
    name: string;
    arguments: string;
  })
  | { type: "keepalive" }
  | { type: "error"; code: string | null; message: string; param: string | null };

/** An event; numbers count from 0 without a gap. */
export type ResponseEvent = EventBody & { sequence_number: number };
