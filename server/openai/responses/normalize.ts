/**
 * Input items as clients write them, in the one form that this server keeps. Knows no store: references stay references.
 *
 * @module
 */
import { badRequest } from "../../errors.ts";
import { randomId } from "../../ids.ts";
import { parseOpenAi } from "../../schema/parse.ts";
import {
  type ContentInput,
  FunctionCallInput,
  FunctionCallOutputInput,
  ItemReferenceInput,
  MessageInput,
  OutputParts,
  ReasoningInput,
} from "../../schema/response_items.ts";
import { ID_PREFIX, type InputText, type Item, type MessageItem } from "./items.ts";

/** Stands for an item that the server knows. */
export interface ItemReference {
  type: "item_reference";
  id: string;
  /** Where the request names it: `input[2].id`. */
  param: string;
}

type RawItem = Record<string, unknown>;

/**
 * Gives every item its kind, an id and parts.
 *
 * @param field of the request that holds the items
 * @throws {ApiError} 400 with `param`: a kind, a part or a value that cannot be used
 */
export function normalizeItems(
  input: string | RawItem[],
  field: string,
): (Item | ItemReference)[] {
  if (typeof input === "string") {
    if (input === "") throw badRequest(field, `Invalid "${field}": expected text, got none`);
    return [toMessage({ role: "user", content: input }, field)];
  }
  return input.map((item, i) => normalizeItem(item, [field, i]));
}

function normalizeItem(raw: RawItem, path: [field: string, index: number]): Item | ItemReference {
  const at = `${path[0]}[${path[1]}]`;
  switch (kindOf(raw)) {
    case "message":
      return toMessage(parseOpenAi(MessageInput, raw, path), at);
    case "function_call": {
      const { id, ...call } = parseOpenAi(FunctionCallInput, raw, path);
      return { id: id ?? randomId(ID_PREFIX.function_call), status: "completed", ...call };
    }
    case "function_call_output": {
      const { id, call_id, output } = parseOpenAi(FunctionCallOutputInput, raw, path);
      return {
        id: id ?? randomId(ID_PREFIX.function_call_output),
        type: "function_call_output",
        status: "completed",
        call_id,
        output: toOutput(output, `${at}.output`),
      };
    }
    case "reasoning": {
      const { id, summary, content } = parseOpenAi(ReasoningInput, raw, path);
      return {
        id: id ?? randomId(ID_PREFIX.reasoning),
        type: "reasoning",
        summary: (summary ?? []).map(({ text }) => ({ type: "summary_text", text })),
        ...(content
          ? { content: content.map(({ text }) => ({ type: "reasoning_text" as const, text })) }
          : {}),
      };
    }
    case "item_reference": {
      const { id } = parseOpenAi(ItemReferenceInput, raw, path);
      return { type: "item_reference", id, param: `${at}.id` };
    }
    default:
      throw badRequest(
        `${at}.type`,
        `Invalid "${at}.type": items of type ${
          show(raw.type)
        } cannot be shown to a model here; use message, function_call, ` +
          "function_call_output, reasoning or item_reference",
        "unsupported_value",
      );
  }
}

/** Clients leave the type out where the fields tell it. */
function kindOf(raw: RawItem): unknown {
  if (raw.type !== undefined && raw.type !== null) return raw.type;
  if ("role" in raw) return "message";
  if ("call_id" in raw && "output" in raw) return "function_call_output";
  const isBareId = "id" in raw && Object.keys(raw).every((key) => key === "id" || key === "type");
  return isBareId ? "item_reference" : "message";
}

function toMessage(
  { id, role, content }: {
    id?: string | null | undefined;
    role: MessageItem["role"];
    content: ContentInput;
  },
  at: string,
): MessageItem {
  const parts = typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part, i) => ({ ...part, text: toText(part, `${at}.content[${i}]`) }));
  // Clients repeat an assistant's empty turn; all others say something.
  if (role !== "assistant" && parts.every(({ text }) => text === "")) {
    throw badRequest(`${at}.content`, `Invalid "${at}.content": expected text, got none`);
  }
  return {
    id: id ?? randomId(ID_PREFIX.message),
    type: "message",
    status: "completed",
    role,
    content: parts.map(({ type, text = "" }) => {
      if (role !== "assistant") return { type: "input_text", text };
      if (type === "refusal") return { type, refusal: text };
      return { type: "output_text", text, annotations: [] };
    }),
  };
}

/** Strings and lists of parts stay what they are; any other JSON value becomes its text. */
function toOutput(output: unknown, at: string): string | InputText[] {
  if (typeof output === "string") return output;
  if (output === undefined) {
    throw badRequest(at, `Invalid "${at}": it is required`, "missing_required_parameter");
  }
  const parts = OutputParts.safeParse(output);
  if (!parts.success) return JSON.stringify(output, sortKeys);
  return parts.data.map((part, i) => ({ type: "input_text", text: toText(part, `${at}[${i}]`) }));
}

/** As a replacer: the same object is the same text, whatever its client's order, so that prefixes stay cached. */
function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}

const TEXT_PARTS = ["input_text", "output_text", "text", "summary_text", "reasoning_text"];

/** @throws {ApiError} 400 for what a text model cannot take */
function toText(part: Exclude<ContentInput, string>[number], at: string): string {
  if (part.type === "refusal" && typeof part.refusal === "string") return part.refusal;
  if (!TEXT_PARTS.includes(part.type)) {
    throw badRequest(
      `${at}.type`,
      `Invalid "${at}.type": this model takes text only, got a part of type ${show(part.type)}`,
      "unsupported_value",
    );
  }
  if (typeof part.text === "string") return part.text;
  throw badRequest(
    `${at}.text`,
    `Invalid "${at}.text": it is required`,
    "missing_required_parameter",
  );
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, 60);
}
