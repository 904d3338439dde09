/**
 * The pre-tokenizers of `tokenizer.json`: normalized text → words, which no token crosses.
 *
 * @see https://huggingface.co/docs/tokenizers/api/pre-tokenizers
 * @module
 */
import type { JsonObject } from "../../formats/mod.ts";
import { bytesToChars } from "./byte_level.ts";
import { compilePattern, type FindMatches, readPattern } from "./find_matches.ts";
import { isSplitBehavior, type SplitBehavior, splitText } from "./split.ts";
import { flattenSteps, readFlag, readShortText, unknownStep } from "./steps.ts";

/**
 * Cuts words into smaller ones.
 *
 * @param isFirst the words begin where the whole text begins: some pre-tokenizers put a space before the first word only
 */
export type PreTokenize = (words: string[], isFirst: boolean) => string[];

/** GPT-2's own pattern, which byte-level pre-tokenizers apply unless told not to. */
const GPT2_WORDS = String
  .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const PUNCTUATION = String.raw`[\p{P}$+<=>^\x60|~]`;
const WHITE_SPACE = String.raw`\s`;

/**
 * Builds the pre-tokenizer of a `tokenizer.json`.
 *
 * @param value the file's `pre_tokenizer`
 * @throws {Error} a step is unknown or damaged
 */
export function createPreTokenizer(value: unknown): PreTokenize {
  const steps = flattenSteps(value, "pretokenizers").map(createStep);
  return (words, isFirst) => steps.reduce((before, step) => step(before, isFirst), words);
}

function createStep(step: JsonObject): PreTokenize {
  switch (step.type) {
    case "ByteLevel":
      return createByteLevel(step);
    case "Metaspace":
      return createMetaspace(step);
    case "Split": {
      const { behavior } = step;
      if (!isSplitBehavior(behavior)) throw new TypeError("Split.behavior is not known");
      return splitter(readPattern(step), behavior, readFlag(step, "invert", false));
    }
    case "BertPreTokenizer": {
      const spaces = splitter(compilePattern(WHITE_SPACE), "Removed");
      const signs = splitter(compilePattern(PUNCTUATION), "Isolated");
      return (words, isFirst) => signs(spaces(words, isFirst), isFirst);
    }
    case "Punctuation": {
      const behavior = step.behavior ?? "Isolated";
      if (!isSplitBehavior(behavior)) throw new TypeError("Punctuation.behavior is not known");
      return splitter(compilePattern(PUNCTUATION), behavior);
    }
    case "Digits": {
      const isIndividual = readFlag(step, "individual_digits", false);
      return splitter(compilePattern(String.raw`\p{N}`), isIndividual ? "Isolated" : "Contiguous");
    }
    case "Whitespace":
      return splitter(compilePattern(String.raw`\w+|[^\w\s]+`), "Removed", true);
    case "WhitespaceSplit":
      return splitter(compilePattern(WHITE_SPACE), "Removed");
    case "CharDelimiterSplit": {
      const String = readShortText(step, "delimiter");
      return splitter(readPattern({ type: step.type, pattern: { String } }), "Removed");
    }
  }
  throw unknownStep("pre-tokenizer", step);
}

function splitter(find: FindMatches, behavior: SplitBehavior, inverts = false): PreTokenize {
  return (words) => words.flatMap((word) => splitText(word, find, { behavior, inverts }));
}

function createByteLevel(step: JsonObject): PreTokenize {
  const addsSpace = readFlag(step, "add_prefix_space", true);
  const find = readFlag(step, "use_regex", true) ? compilePattern(GPT2_WORDS) : null;
  return (words) =>
    words.flatMap((word) => {
      const spaced = addsSpace && !word.startsWith(" ") ? ` ${word}` : word;
      return find === null ? [spaced] : splitText(spaced, find, { behavior: "Isolated" });
    }).map(bytesToChars);
}

/** SentencePiece's: spaces become a visible character, and each word begins with one. */
function createMetaspace(step: JsonObject): PreTokenize {
  const replacement = readShortText(step, "replacement", "\u2581");
  // Older files have a flag in place of the scheme.
  const fallback = readFlag(step, "add_prefix_space", true) ? "always" : "never";
  const scheme = readShortText(step, "prepend_scheme", fallback);
  if (!["always", "first", "never"].includes(scheme)) {
    throw new TypeError("Metaspace.prepend_scheme is not known");
  }
  const splits = readFlag(step, "split", true);
  const find = readPattern({ type: step.type, pattern: { String: replacement } });
  return (words, isFirst) =>
    words.flatMap((word, i) => {
      const prepends = scheme === "always" || (scheme === "first" && isFirst && i === 0);
      let spelled = word.replaceAll(" ", () => replacement);
      if (prepends && !spelled.startsWith(replacement)) spelled = replacement + spelled;
      return splits ? splitText(spelled, find, { behavior: "MergedWithNext" }) : [spelled];
    });
}
