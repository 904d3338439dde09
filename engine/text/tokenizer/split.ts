/**
 * Cuts text at matches, with the six ways of `tokenizers` to treat what matched.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/normalizer.rs SplitDelimiterBehavior
 * @module
 */
import type { Range } from "../pattern/pattern.ts";
import type { FindMatches } from "./find_matches.ts";

/** What becomes of a match. */
export type SplitBehavior =
  | "Removed"
  | "Isolated"
  | "Contiguous"
  | "MergedWithPrevious"
  | "MergedWithNext";

const BEHAVIORS: readonly unknown[] = [
  "Removed",
  "Isolated",
  "Contiguous",
  "MergedWithPrevious",
  "MergedWithNext",
];

/** True for the name of a behavior. */
export function isSplitBehavior(value: unknown): value is SplitBehavior {
  return BEHAVIORS.includes(value);
}

interface Part {
  start: number;
  end: number;
  isMatch: boolean;
}

/** Splits one text; empty pieces are left out. */
export function splitText(
  text: string,
  find: FindMatches,
  options: { behavior: SplitBehavior; inverts?: boolean },
): string[] {
  const parts = listParts(text, find(text), options.inverts ?? false);
  return joinParts(parts, options.behavior)
    .filter(({ start, end }) => end > start)
    .map(({ start, end }) => text.slice(start, end));
}

/** Matches and what lies between them, in order. */
function listParts(text: string, matches: readonly Range[], inverts: boolean): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const [start, end] of matches) {
    if (start > at) parts.push({ start: at, end: start, isMatch: inverts });
    parts.push({ start, end, isMatch: !inverts });
    at = end;
  }
  if (at < text.length) parts.push({ start: at, end: text.length, isMatch: inverts });
  return parts;
}

function joinParts(parts: Part[], behavior: SplitBehavior): Part[] {
  switch (behavior) {
    case "Removed":
      return parts.filter((part) => !part.isMatch);
    case "Isolated":
      return parts;
    case "Contiguous":
      return join(parts, (before, part) => before.isMatch === part.isMatch);
    case "MergedWithPrevious":
      return join(parts, (before, part) => part.isMatch && !before.isMatch);
    case "MergedWithNext":
      return joinToNext(parts);
  }
}

/** Appends a part to the one before it where `belongs` says so of the two neighbours. */
function join(parts: readonly Part[], belongs: (before: Part, part: Part) => boolean): Part[] {
  const joined: Part[] = [];
  for (const [i, part] of parts.entries()) {
    const before = parts[i - 1];
    const last = joined.at(-1);
    if (before !== undefined && last !== undefined && belongs(before, part)) last.end = part.end;
    else joined.push({ ...part });
  }
  return joined;
}

function joinToNext(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const [i, part] of [...parts].reverse().entries()) {
    const next = parts[parts.length - i];
    const last = joined.at(-1);
    if (next !== undefined && last !== undefined && part.isMatch && !next.isMatch) {
      last.start = part.start;
    } else {
      joined.push({ ...part });
    }
  }
  return joined.reverse();
}
