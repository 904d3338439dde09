/**
 * Rewrites choices so that no two options begin alike.
 *
 * xgrammar 0.1 joins states of such options too eagerly: `"xa1" | "ya1" | "ya2"` also lets "xa2" through, since it joins states behind
 * equal edges and states before equal edges in one go. Without equal edges out of one state the first kind never happens.
 *
 * @see https://github.com/mlc-ai/xgrammar/blob/v0.1.27/cpp/fsm.cc MergeEquivalentSuccessors
 * @module
 */
import { choice, type Rule, sequence, text } from "./rules.ts";

/** An option as what it begins with and what follows; a null head is the empty text. */
interface Split {
  head: Rule | null;
  tail: Rule;
}

/** Options that begin alike. */
interface Group {
  head: Rule;
  tails: Rule[];
}

const EMPTY = text("");

/** What {@linkcode determinize} asks of its caller. */
export interface DeterminizeOptions {
  /** Tells which options are left out, since nothing satisfies them. */
  isPossible: (rule: Rule) => boolean;
  /** Makes a rule of its own that xgrammar will not unfold; needed where a beginning cannot be seen from outside. */
  isolate: (rule: Rule) => Rule;
}

/** Options whose beginnings differ, for the same texts. */
export function determinize(
  options: readonly Rule[],
  { isPossible, isolate }: DeterminizeOptions,
): Rule[] {
  const splits = options.flatMap(split)
    .filter(({ head, tail }) => head === null || (isPossible(head) && isPossible(tail)));
  const groups = groupByHead(splits.filter(({ head }) => head !== null));
  const determined = groups.map((group) => joinGroup(group, groups, isolate));
  if (splits.some(({ head }) => head === null)) determined.push(EMPTY);
  return determined;
}

function split(rule: Rule): Split[] {
  switch (rule.kind) {
    case "text":
      return [{ head: rule.text === "" ? null : rule, tail: EMPTY }];
    case "choice":
      return rule.options.flatMap(split);
    case "sequence": {
      const parts = flatten(rule);
      const [head, ...rest] = parts;
      return [{ head: head ?? null, tail: rest.length === 0 ? EMPTY : sequence(...rest) }];
    }
    default:
      return [{ head: rule, tail: EMPTY }];
  }
}

/** Parts without nested sequences and empty texts; texts beside each other become one. */
function flatten(rule: Rule): Rule[] {
  if (rule.kind !== "sequence") return rule.kind === "text" && rule.text === "" ? [] : [rule];
  const parts: Rule[] = [];
  for (const part of rule.parts.flatMap(flatten)) {
    const last = parts.at(-1);
    if (part.kind === "text" && last?.kind === "text") {
      parts[parts.length - 1] = text(last.text + part.text);
    } else parts.push(part);
  }
  return parts;
}

function groupByHead(splits: readonly Split[]): Group[] {
  const groups = new Map<string, Group>();
  for (const [i, { head, tail }] of splits.entries()) {
    const key = keyOf(head!, i);
    const group = groups.get(key);
    if (!group) groups.set(key, { head: head!, tails: [tail] });
    else if (head!.kind === "text") groups.set(key, joinTexts(group, head!.text, tail));
    else group.tails.push(tail);
  }
  return [...groups.values()];
}

/** The same for options that begin alike. */
function keyOf(head: Rule, index: number): string {
  switch (head.kind) {
    case "text":
      return `text ${String.fromCodePoint(head.text.codePointAt(0)!)}`;
    case "chars":
      return `chars ${JSON.stringify(head.ranges)} ${head.nonAscii}`;
    case "named":
      return `named ${head.name}`;
    default:
      return `other ${index}`;
  }
}

/** Takes a text into a group of texts: what they share is the head. */
function joinTexts(group: Group, added: string, tail: Rule): Group {
  const shared = (group.head as { text: string }).text;
  const length = countShared(shared, added);
  const rest = shared.slice(length);
  const tails = rest === "" ? group.tails : [sequence(text(rest), choice(group.tails))];
  return {
    head: text(shared.slice(0, length)),
    tails: [...tails, sequence(text(added.slice(length)), tail)],
  };
}

/** Code units that two texts share at the start, whole characters only. */
function countShared(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  const last = a.charCodeAt(length - 1);
  return last >= 0xd800 && last < 0xdc00 ? length - 1 : length;
}

function joinGroup(
  { head, tails }: Group,
  all: readonly Group[],
  isolate: (rule: Rule) => Rule,
): Rule {
  const rest = choice(tails);
  switch (head.kind) {
    case "text":
      // Characters beyond ASCII may share their first byte.
      return isBeyondAscii(head) &&
          all.some((group) => group.head !== head && isBeyondAscii(group.head))
        ? isolate(sequence(head, rest))
        : sequence(head, rest);
    case "chars":
      return sequence(head, rest);
    default:
      return sequence(isolate(head), rest);
  }
}

function isBeyondAscii(rule: Rule): boolean {
  return rule.kind === "text" && rule.text.charCodeAt(0) > 0x7f;
}
