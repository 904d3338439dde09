/**
 * Finds a pattern's matches in linear time, whatever the pattern: the automaton's states are followed all at once, and their
 * combinations are remembered as the states of a deterministic one.
 *
 * A combination lists its threads in the order in which a backtracking matcher would try them, and ends at the first that has
 * matched. So the result is the one that backtracking would find.
 *
 * @see https://swtch.com/~rsc/regexp/regexp3.html
 * @module
 */
import { TextLimitError } from "../limit_error.ts";
import { parsePattern } from "./parse.ts";
import { compileProgram, type Program } from "./program.ts";

/** First code unit, and first code unit behind. */
export type Range = readonly [start: number, end: number];

/** Steps a code unit may cost, and what a short text may cost in any case. */
const MAX_STEPS_PER_UNIT = 64;
const MIN_STEPS = 65_536;
/** Combinations remembered; beyond, all are forgotten and found anew. */
const MAX_STATES = 2048;
/** What stands behind the last character. */
const TEXT_END = 0;

/** A combination of threads, and where characters lead from it. */
interface State {
  /** Instructions, the preferred one first. */
  threads: readonly number[];
  /** By class of the next character. */
  moves: (Move | undefined)[];
}

interface Move {
  /** Whether the text up to here is a match. */
  isMatch: boolean;
  /** Null when nothing longer can match. */
  next: State | null;
}

/** A compiled pattern. */
export class Pattern {
  readonly #program: Program;
  readonly #classes: CharClasses;
  #states = new Map<string, State>();

  /** @throws {SyntaxError} malformed, or of a kind that cannot be matched in linear time */
  constructor(source: string) {
    this.#program = compileProgram(parsePattern(source));
    this.#classes = new CharClasses(this.#program.sets);
  }

  /**
   * All matches from left to right, none overlapping another.
   *
   * @throws {TextLimitError} time would grow with more than the text's length
   */
  findAll(text: string): Range[] {
    const ranges: Range[] = [];
    let numStepsLeft = Math.max(MIN_STEPS, MAX_STEPS_PER_UNIT * text.length);
    let lastEnd = -1;
    for (let start = 0; start <= text.length;) {
      const { end, numSteps } = this.#matchAt(text, start);
      numStepsLeft -= numSteps;
      if (numStepsLeft < 0) {
        throw new TextLimitError(
          `the tokenizer's pattern takes more than ${MAX_STEPS_PER_UNIT} steps a character`,
        );
      }
      if (end > start || (end === start && start !== lastEnd)) {
        ranges.push([start, end]);
        lastEnd = end;
      }
      start = end > start ? end : start + charLength(text, start);
    }
    return ranges;
  }

  /** @returns where the match ends, or -1 */
  #matchAt(text: string, start: number): { end: number; numSteps: number } {
    let state: State | null = this.#state([0]);
    let end = -1;
    let numSteps = 0;
    for (let at = start; state !== null; at += charLength(text, at)) {
      const charClass = at < text.length ? this.#classes.classOf(text.codePointAt(at)!) : TEXT_END;
      const move: Move = state.moves[charClass] ??= this.#computeMove(state, charClass);
      numSteps++;
      if (move.isMatch) end = at;
      state = move.next;
    }
    return { end, numSteps };
  }

  #state(threads: readonly number[]): State {
    const key = threads.join();
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= MAX_STATES) this.#states = new Map();
      state = { threads, moves: [] };
      this.#states.set(key, state);
    }
    return state;
  }

  #computeMove(state: State, charClass: number): Move {
    const { instructions } = this.#program;
    const seen = new Set<number>();
    const next = new Set<number>();
    const pending = [...state.threads].reverse();
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const instruction = instructions[at]!;
      switch (instruction.type) {
        case "match":
          // Threads behind this one are less preferred than a match.
          return { isMatch: true, next: this.#nextState(next) };
        case "fork":
          pending.push(instruction.second, instruction.first);
          break;
        case "look":
          if (this.#classes.has(charClass, instruction.set) !== instruction.isNegated) {
            pending.push(at + 1);
          }
          break;
        case "take":
          if (this.#classes.has(charClass, instruction.set)) next.add(at + 1);
      }
    }
    return { isMatch: false, next: this.#nextState(next) };
  }

  #nextState(threads: ReadonlySet<number>): State | null {
    return threads.size === 0 ? null : this.#state([...threads]);
  }
}

/** Characters that are in the same sets are one class. Class 0 is the end of the text, in no set. */
class CharClasses {
  readonly #sets: Program["sets"];
  readonly #members: string[];
  readonly #byMembers = new Map<string, number>();
  readonly #byCodePoint = new Map<number, number>();
  readonly #byUnit = new Int16Array(0x10000).fill(-1);

  constructor(sets: Program["sets"]) {
    this.#sets = sets;
    this.#members = ["0".repeat(sets.length)];
  }

  classOf(codePoint: number): number {
    if (codePoint > 0xffff) {
      let found = this.#byCodePoint.get(codePoint);
      if (found === undefined) {
        this.#byCodePoint.set(codePoint, found = this.#computeClass(codePoint));
      }
      return found;
    }
    let found = this.#byUnit[codePoint]!;
    if (found < 0) this.#byUnit[codePoint] = found = this.#computeClass(codePoint);
    return found;
  }

  has(charClass: number, set: number): boolean {
    return this.#members[charClass]![set] === "1";
  }

  #computeClass(codePoint: number): number {
    const members = this.#sets.map((set) => set(codePoint) ? "1" : "0").join("");
    let found = this.#byMembers.get(members);
    if (found === undefined) {
      found = this.#members.push(members) - 1;
      this.#byMembers.set(members, found);
    }
    return found;
  }
}

function charLength(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
