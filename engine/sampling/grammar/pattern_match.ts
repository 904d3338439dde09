/**
 * Matches patterns by simulating all their states at once: time is text length times pattern length, whatever the pattern.
 *
 * @see https://swtch.com/~rsc/regexp/regexp1.html
 * @module
 */
import { InvalidRequestError } from "../../errors.ts";
import type { CharSet } from "./char_set.ts";
import type { PatternBranch, PatternNode } from "./pattern.ts";

/** Where to go next: by a character of the set, or by none. */
type State =
  | { kind: "set"; set: CharSet; next: number }
  | { kind: "split"; next: number[] }
  | { kind: "match"; isAtEnd: boolean };

/** Repetitions are written out; real patterns have a few hundred states. */
const MAX_STATES = 10_000;

/**
 * Compiles a pattern.
 *
 * @returns whether a text contains a match
 * @throws {InvalidRequestError} the repetitions make it too large
 */
export function compilePattern(
  branches: readonly PatternBranch[],
  param: string,
): (text: string) => boolean {
  const states: State[] = [];
  const add = (state: State): number => {
    if (states.length >= MAX_STATES) {
      throw new InvalidRequestError(param, `A pattern has more than ${MAX_STATES} states`);
    }
    return states.push(state) - 1;
  };
  /** Builds from the end: returns the state at which `node` begins. */
  const build = (node: PatternNode, next: number): number => {
    switch (node.kind) {
      case "set":
        return add({ kind: "set", set: node.set, next });
      case "sequence":
        return node.parts.reduceRight((after, part) => build(part, after), next);
      case "choice":
        return add({ kind: "split", next: node.options.map((option) => build(option, next)) });
      case "repeat": {
        let start = next;
        if (node.max === null) {
          const loop = { kind: "split" as const, next: [next] };
          start = add(loop);
          loop.next.push(build(node.part, start));
        } else {
          for (let i = node.min; i < node.max; i++) {
            start = add({ kind: "split", next: [next, build(node.part, start)] });
          }
        }
        for (let i = 0; i < node.min; i++) start = build(node.part, start);
        return start;
      }
    }
  };
  const starts = branches.map(({ node, isAnchoredAtStart, isAnchoredAtEnd }) => ({
    state: build(node, add({ kind: "match", isAtEnd: isAnchoredAtEnd })),
    isAnchoredAtStart,
  }));
  return (text) => simulate(states, starts, text);
}

function simulate(
  states: readonly State[],
  starts: readonly { state: number; isAnchoredAtStart: boolean }[],
  text: string,
): boolean {
  let current = new Set<number>();
  const enter = (set: Set<number>, first: number) => {
    const pending = [first];
    while (pending.length > 0) {
      const id = pending.pop()!;
      if (set.has(id)) continue;
      set.add(id);
      const state = states[id]!;
      if (state.kind === "split") pending.push(...state.next);
    }
  };
  const isMatched = (isAtEnd: boolean) => {
    for (const id of current) {
      const state = states[id]!;
      if (state.kind === "match" && (isAtEnd || !state.isAtEnd)) return true;
    }
    return false;
  };
  for (const { state } of starts) enter(current, state);
  for (const char of text) {
    if (isMatched(false)) return true;
    const code = char.codePointAt(0)!;
    const next = new Set<number>();
    for (const id of current) {
      const state = states[id]!;
      if (state.kind === "set" && state.set.has(code)) enter(next, state.next);
    }
    for (const { state, isAnchoredAtStart } of starts) {
      if (!isAnchoredAtStart) enter(next, state);
    }
    current = next;
  }
  return isMatched(true);
}
