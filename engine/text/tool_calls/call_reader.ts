/**
 * Reads one call, `{"name": "…", "arguments": {…}}`, character by character, and passes the arguments on while they are written.
 *
 * @module
 */
import { isJsonObject } from "../../formats/mod.ts";
import type { AnswerPart } from "./tool_format.ts";

/** Where the arguments stand. */
const ARGUMENT_KEYS = ["arguments", "parameters"];
/** Other first keys mean that the object is no call, so that it can be shown at once. */
const FIRST_KEYS = ["name", ...ARGUMENT_KEYS, "type", "id"];
/** Characters before the arguments; names have at most 64. */
const MAX_HEADER_LENGTH = 256;

/** The state of a {@linkcode CallReader}; `malformed` says that the text so far is no call. */
export type CallStatus = "reading" | "done" | "malformed";

/** Reads the call with one index. */
export class CallReader {
  status: CallStatus = "reading";
  /** Everything that was read, for showing it where it is no call. */
  raw = "";
  /** Whether the call's name was told: what follows can be no text any more. */
  isAnnounced = false;
  readonly #index: number;
  readonly #names: ReadonlySet<string>;
  readonly #nesting = new JsonNesting();
  /** `arguments`: passed on as they come; `rest`: behind them; `whole`: in another order, read when complete. */
  #stage: "header" | "arguments" | "rest" | "whole" = "header";

  constructor(index: number, names: ReadonlySet<string>) {
    this.#index = index;
    this.#names = names;
  }

  /** Takes the next character while `status` is `reading`. */
  push(char: string): AnswerPart[] {
    this.raw += char;
    const depth = this.#nesting.push(char);
    if (depth === null) {
      this.status = "malformed";
      return [];
    }
    if (this.#stage === "header") return this.#readHeader(depth);
    const isEnd = depth === 0;
    if (isEnd) this.status = "done";
    if (this.#stage === "arguments") {
      if (depth === 1) this.#stage = "rest";
      return [{ type: "tool_call_arguments", index: this.#index, text: char }];
    }
    return this.#stage === "whole" && isEnd ? this.#readWhole() : [];
  }

  #readHeader(depth: number): AnswerPart[] {
    const header = depth === 0 ? "other" : parseHeader(this.raw);
    if (header === "partial") return [];
    if (header === "no call") {
      this.status = "malformed";
      return [];
    }
    if (header === "other") {
      this.#stage = "whole";
      if (depth !== 0) return [];
      this.status = "done";
      return this.#readWhole();
    }
    if (!this.#names.has(header.name)) {
      this.status = "malformed";
      return [];
    }
    this.#stage = "arguments";
    this.isAnnounced = true;
    return [
      { type: "tool_call", index: this.#index, name: header.name },
      { type: "tool_call_arguments", index: this.#index, text: "{" },
    ];
  }

  #readWhole(): AnswerPart[] {
    const call = parseCall(this.raw);
    if (call === null || !this.#names.has(call.name)) {
      this.status = "malformed";
      return [];
    }
    this.isAnnounced = true;
    return [
      { type: "tool_call", index: this.#index, name: call.name },
      { type: "tool_call_arguments", index: this.#index, text: call.arguments },
    ];
  }
}

/** Follows braces, brackets and strings of a JSON object. */
export class JsonNesting {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  /** @returns open objects and lists behind the character; null if no object begins there */
  push(char: string): number | null {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (char === "\\") this.#isEscaped = true;
      else if (char === '"') this.#isInString = false;
      return this.#depth;
    }
    if (this.#depth === 0 && char !== "{") return null;
    if (char === '"') this.#isInString = true;
    else if (char === "{" || char === "[") this.#depth++;
    else if (char === "}" || char === "]") this.#depth--;
    return this.#depth;
  }
}

type Header = { name: string } | "partial" | "other" | "no call";

/** Reads `{"name": "…", "arguments": {` as far as it goes; ends at the arguments' brace. */
function parseHeader(raw: string): Header {
  if (raw.length > MAX_HEADER_LENGTH) return "other";
  const cursor = { at: 0 };
  const skip = (text: string): Header | null => {
    while (isSpace(raw[cursor.at])) cursor.at++;
    for (const char of text) {
      if (raw[cursor.at] === undefined) return "partial";
      if (raw[cursor.at] !== char) return "other";
      cursor.at++;
    }
    return null;
  };
  const readString = (): string | null => {
    const end = findStringEnd(raw, cursor.at);
    if (end === null) return null;
    const text = raw.slice(cursor.at, end);
    cursor.at = end;
    return parseString(text);
  };
  const brace = skip("{");
  if (brace) return brace;
  const quote = skip('"');
  if (quote) return quote;
  cursor.at--;
  const first = readString();
  if (first === null) return "partial";
  if (!FIRST_KEYS.includes(first)) return "no call";
  if (first !== "name") return "other";
  const colon = skip(":") ?? skip('"');
  if (colon) return colon;
  cursor.at--;
  const name = readString();
  if (name === null) return "partial";
  const comma = skip(",") ?? skip('"');
  if (comma) return comma;
  cursor.at--;
  const key = readString();
  if (key === null) return "partial";
  if (!ARGUMENT_KEYS.includes(key)) return "other";
  return skip(":") ?? skip("{") ?? { name };
}

/** Index behind the string's closing quote; null while there is none. */
function findStringEnd(raw: string, start: number): number | null {
  for (let i = start + 1; i < raw.length; i++) {
    if (raw[i] === "\\") i++;
    else if (raw[i] === '"') return i + 1;
  }
  return null;
}

function parseString(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    return "";
  }
}

/** A complete object as a call. Arguments may be an object, or a text that holds one. */
function parseCall(raw: string): { name: string; arguments: string } | null {
  const value = parseJson(raw);
  if (!isJsonObject(value) || typeof value.name !== "string") return null;
  const given = value.arguments ?? value.parameters ?? {};
  const args = typeof given === "string" ? parseJson(given) : given;
  return isJsonObject(args) ? { name: value.name, arguments: JSON.stringify(args) } : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** White space of JSON. */
export function isSpace(char: string | undefined): boolean {
  return char === " " || char === "\n" || char === "\t" || char === "\r";
}
