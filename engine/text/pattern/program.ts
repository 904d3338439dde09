/**
 * A parsed pattern as instructions of a nondeterministic automaton (Thompson's construction), in the order in which a
 * backtracking matcher would try them.
 *
 * @see https://swtch.com/~rsc/regexp/regexp2.html
 * @module
 */
import type { CharSet } from "./char_set.ts";
import type { PatternNode } from "./parse.ts";

/** One instruction; targets are indexes of instructions. */
export type Instruction =
  /** Takes a character of the set. */
  | { type: "take"; set: number }
  /** Goes on if the next character is in the set, or is not. */
  | { type: "look"; set: number; isNegated: boolean }
  /** Tries `first`, then `second`. */
  | { type: "fork"; first: number; second: number }
  | { type: "match" };

/** An automaton. */
export interface Program {
  instructions: Instruction[];
  /** Sets that instructions name. */
  sets: CharSet[];
}

/** Bounds the memory of a pattern and the time of a character; published patterns have about 100. */
const MAX_INSTRUCTIONS = 2000;

/**
 * Compiles a pattern.
 *
 * @throws {SyntaxError} it needs too many instructions
 */
export function compileProgram(node: PatternNode): Program {
  const compiler = new Compiler();
  compiler.emit(node);
  compiler.add({ type: "match" });
  return { instructions: compiler.instructions, sets: [...compiler.sets.keys()] };
}

class Compiler {
  readonly instructions: Instruction[] = [];
  readonly sets = new Map<CharSet, number>();

  add<T extends Instruction>(instruction: T): T {
    if (this.instructions.length >= MAX_INSTRUCTIONS) {
      throw new SyntaxError(`it needs more than ${MAX_INSTRUCTIONS} instructions`);
    }
    this.instructions.push(instruction);
    return instruction;
  }

  emit(node: PatternNode): void {
    switch (node.type) {
      case "set":
        this.add({ type: "take", set: this.#setIndex(node.set) });
        return;
      case "lookahead":
        this.add({ type: "look", set: this.#setIndex(node.set), isNegated: node.isNegated });
        return;
      case "sequence":
        for (const part of node.parts) this.emit(part);
        return;
      case "alternatives":
        this.#emitAlternatives(node.options);
        return;
      case "repeat":
        this.#emitRepeat(node);
    }
  }

  #emitAlternatives(options: readonly PatternNode[]): void {
    const jumps: (Instruction & { type: "fork" })[] = [];
    for (const [i, option] of options.entries()) {
      if (i === options.length - 1) {
        this.emit(option);
        break;
      }
      const fork = this.#addFork();
      fork.first = this.instructions.length;
      this.emit(option);
      jumps.push(this.#addFork());
      fork.second = this.instructions.length;
    }
    for (const jump of jumps) jump.first = jump.second = this.instructions.length;
  }

  #emitRepeat({ body, min, max, isLazy }: PatternNode & { type: "repeat" }): void {
    for (let i = 0; i < min; i++) this.emit(body);
    if (max === Infinity) {
      const at = this.instructions.length;
      const fork = this.#addFork();
      this.emit(body);
      const back = this.#addFork();
      back.first = back.second = at;
      this.#setBranches(fork, at + 1, isLazy);
      return;
    }
    const forks: [fork: Instruction & { type: "fork" }, body: number][] = [];
    for (let i = min; i < max; i++) {
      forks.push([this.#addFork(), this.instructions.length]);
      this.emit(body);
    }
    for (const [fork, at] of forks) this.#setBranches(fork, at, isLazy);
  }

  /** Into the body first, or past everything emitted so far first. */
  #setBranches(fork: Instruction & { type: "fork" }, body: number, isLazy: boolean): void {
    const exit = this.instructions.length;
    [fork.first, fork.second] = isLazy ? [exit, body] : [body, exit];
  }

  #addFork(): Instruction & { type: "fork" } {
    return this.add({ type: "fork", first: 0, second: 0 });
  }

  #setIndex(set: CharSet): number {
    const index = this.sets.get(set) ?? this.sets.size;
    this.sets.set(set, index);
    return index;
  }
}
