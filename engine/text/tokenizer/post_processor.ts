/**
 * The post-processor of `tokenizer.json`: tokens that stand around a text.
 *
 * @module
 */
import { isJsonObject, type JsonObject } from "../../formats/mod.ts";
import { flattenSteps, unknownStep } from "./steps.ts";

/** Tokens before and behind a text. */
export interface TokenFrame {
  before: readonly number[];
  after: readonly number[];
}

/** More are not credible. */
const MAX_FRAME_TOKENS = 64;

/**
 * Reads the tokens that stand around a single text.
 *
 * @param value the file's `post_processor`
 * @param idOf id of a token by its text; undefined if there is none
 * @throws {Error} a step is unknown or damaged, or names a token that is not there
 */
export function readTokenFrame(
  value: unknown,
  idOf: (text: string) => number | undefined,
): TokenFrame {
  let frame: TokenFrame = { before: [], after: [] };
  for (const step of flattenSteps(value, "processors")) {
    const { before, after } = readStep(step, idOf);
    frame = { before: [...before, ...frame.before], after: [...frame.after, ...after] };
  }
  return frame;
}

function readStep(step: JsonObject, idOf: (text: string) => number | undefined): TokenFrame {
  switch (step.type) {
    case "ByteLevel":
      return { before: [], after: [] };
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [readPairId(step, "cls", idOf)], after: [readPairId(step, "sep", idOf)] };
    case "TemplateProcessing":
      return readTemplate(step, idOf);
  }
  throw unknownStep("post-processor", step);
}

/** A pair of token and id; the token counts. */
function readPairId(
  step: JsonObject,
  name: string,
  idOf: (text: string) => number | undefined,
): number {
  const pair = step[name];
  return findId(Array.isArray(pair) ? pair[0] : undefined, idOf);
}

function readTemplate(step: JsonObject, idOf: (text: string) => number | undefined): TokenFrame {
  const { single } = step;
  if (!Array.isArray(single) || single.length > MAX_FRAME_TOKENS) {
    throw new TypeError("TemplateProcessing.single is not a list");
  }
  const place = single.findIndex((item) => isJsonObject(item?.Sequence));
  if (place < 0) throw new TypeError("TemplateProcessing.single has no place for the text");
  const toId = (item: unknown) => {
    const token = isJsonObject(item) && isJsonObject(item.SpecialToken) ? item.SpecialToken : {};
    return findId(token.id, idOf);
  };
  return { before: single.slice(0, place).map(toId), after: single.slice(place + 1).map(toId) };
}

function findId(text: unknown, idOf: (text: string) => number | undefined): number {
  const id = typeof text === "string" ? idOf(text) : undefined;
  if (id === undefined) throw new RangeError("the post-processor names a token that is not there");
  return id;
}
