/**
 * The normalizers of `tokenizer.json`: text → text, before it is cut into words.
 *
 * @see https://huggingface.co/docs/tokenizers/api/normalizers
 * @module
 */
import type { JsonObject } from "../../formats/mod.ts";
import { TextLimitError } from "../limit_error.ts";
import { bytesToChars } from "./byte_level.ts";
import { readPattern } from "./find_matches.ts";
import { flattenSteps, readFlag, readShortText, unknownStep } from "./steps.ts";

/** Changes a text. */
export type Normalize = (text: string) => string;

/** Code units that may come of one; compatibility decomposition makes at most 18. */
const MAX_GROWTH = 32;

/**
 * Builds the normalizer of a `tokenizer.json`.
 *
 * @param value the file's `normalizer`
 * @returns null where there is none
 * @throws {Error} a step is unknown or damaged
 */
export function createNormalizer(value: unknown): Normalize | null {
  const steps = flattenSteps(value, "normalizers").map(createStep);
  if (steps.length === 0) return null;
  return (text) => {
    const limit = MAX_GROWTH * text.length + 4096;
    return steps.reduce((before, step) => {
      const after = step(before);
      if (after.length > limit) {
        throw new TextLimitError(
          `the tokenizer's normalizer makes ${after.length} characters of ${text.length}`,
        );
      }
      return after;
    }, text);
  };
}

function createStep(step: JsonObject): Normalize {
  switch (step.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const { type } = step;
      return (text) => text.normalize(type);
    }
    case "Lowercase":
      return lowercase;
    case "Strip":
      return createStrip(readFlag(step, "strip_left", true), readFlag(step, "strip_right", true));
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Prepend": {
      const prefix = readShortText(step, "prepend");
      return (text) => text === "" ? "" : prefix + text;
    }
    case "Replace":
      return createReplace(step);
    case "ByteLevel":
      return bytesToChars;
    case "BertNormalizer":
      return createBertNormalizer(step);
  }
  throw unknownStep("normalizer", step);
}

function createStrip(left: boolean, right: boolean): Normalize {
  return (text) => {
    const chars = [...text];
    let [start, end] = [0, chars.length];
    while (left && start < end && isSpace(chars[start]!)) start++;
    while (right && end > start && isSpace(chars[end - 1]!)) end--;
    return chars.slice(start, end).join("");
  };
}

function createReplace(step: JsonObject): Normalize {
  const find = readPattern(step);
  const content = readShortText(step, "content", "");
  return (text) => {
    let result = "";
    let at = 0;
    for (const [start, end] of find(text)) {
      result += text.slice(at, start) + content;
      at = end;
    }
    return result + text.slice(at);
  };
}

/**
 * BERT's: control characters out, CJK characters apart, accents out, lower case.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/normalizers/bert.rs
 */
function createBertNormalizer(step: JsonObject): Normalize {
  const cleans = readFlag(step, "clean_text", true);
  const separatesCjk = readFlag(step, "handle_chinese_chars", true);
  const lowers = readFlag(step, "lowercase", true);
  const stripsAccents = readFlag(step, "strip_accents", lowers);
  return (text) => {
    let result = text;
    if (cleans) result = cleanText(result);
    if (separatesCjk) result = result.replace(CJK, " $& ");
    if (stripsAccents) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lowers ? lowercase(result) : result;
  };
}

/** Blocks of CJK ideographs as BERT lists them. */
const CJK =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function cleanText(text: string): string {
  let result = "";
  for (const char of text) {
    if (char === "\t" || char === "\n" || char === "\r") result += " ";
    else if (char === "\ufffd" || /^[\p{Cc}\p{Cf}\p{Co}\p{Cs}]$/u.test(char)) continue;
    else result += isSpace(char) ? " " : char;
  }
  return result;
}

/** Each character by itself: a final sigma stays a sigma. */
function lowercase(text: string): string {
  let result = "";
  for (const char of text) result += char.toLowerCase();
  return result;
}

function isSpace(char: string): boolean {
  return /^\p{White_Space}$/u.test(char);
}
