/**
 * A runner without a device that keeps tokens where a model keeps keys and values: what it says depends on all that the block
 * table names, so a slot that holds a rejected draft changes the text.
 */
import {
  type GreedyRun,
  NO_TOKEN,
  type Runner,
  type RunnerEntry,
  type RunnerLimits,
} from "../../engine/runtime/runner.ts";
import { END_OF_TEXT } from "./stub_runner.ts";

const NUM_LETTERS = 26;
/** So many of them follow each other, mostly. */
const NUM_LIKELY = 4;
const VOCAB_SIZE = END_OF_TEXT + 1;

/** Logits of what usually follows, and of what follows in this very context, which is stronger in one of so many; others have 0. */
const LIKELY = 4;
const POSSIBLE = 2;
const SURPRISING = 6;
const SURPRISES = 29;

/** What a test may set. */
export interface PagedRunnerOptions extends Partial<RunnerLimits> {
  /** Called before each step is computed, or the first of several that run together; may throw. */
  onStep?: (entries: readonly RunnerEntry[]) => void;
  /** Whether it chooses tokens itself. @default false */
  canChoose?: boolean;
  /** Whether logits are NaN behind so many tokens. @default never */
  isBroken?: (numTokens: number) => boolean;
}

/** Says the letter that the two before it lead to, mostly: its text soon repeats itself, and can leave that again. */
export class PagedRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly steps: RunnerEntry[][] = [];
  /** Steps of each call of {@linkcode runGreedy}. */
  readonly greedyRuns: number[] = [];
  readonly runGreedy?: NonNullable<Runner["runGreedy"]>;
  readonly #onStep: (entries: readonly RunnerEntry[]) => void;
  readonly #isBroken: (numTokens: number) => boolean;
  /** By slot. */
  readonly #tokens: Int32Array;

  constructor(options: PagedRunnerOptions = {}) {
    const { onStep = () => {}, canChoose = false, isBroken = () => false, ...limits } = options;
    this.#onStep = onStep;
    this.#isBroken = isBroken;
    if (canChoose) this.runGreedy = (entries, run) => this.#runGreedy(entries, run);
    this.limits = {
      maxStepTokens: 32,
      maxSequences: 4,
      maxLogitsRows: 16,
      contextLength: 256,
      numBlocks: 256,
      blockSize: 4,
      vocabSize: VOCAB_SIZE,
      canShareBlocks: true,
      canRewind: true,
      ...limits,
    };
    this.#tokens = new Int32Array(this.limits.numBlocks * this.limits.blockSize).fill(-1);
  }

  // deno-lint-ignore require-await -- what `onStep` throws is to reject
  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    this.#onStep(entries);
    const rows = this.#step(entries);
    const logits = new Float32Array(rows.length * VOCAB_SIZE);
    rows.forEach((row, i) => logits.set(row, i * VOCAB_SIZE));
    return logits;
  }

  destroy(): void {}

  #runGreedy(entries: readonly RunnerEntry[], run: GreedyRun): Promise<Uint32Array> {
    this.#onStep(entries);
    this.greedyRuns.push(run.numSteps);
    const chosen: number[] = [];
    let next = entries;
    for (let step = 0; step < run.numSteps; step++) {
      const ids = this.#step(next).map((row) => argmax(row.subarray(0, run.numChoices)));
      chosen.push(...ids);
      next = next.map((entry, i) => ({
        ...entry,
        tokens: [ids[i]!],
        firstPosition: entry.firstPosition + 1,
      }));
    }
    return Promise.resolve(Uint32Array.from(chosen));
  }

  /** Rows of logits of one step. */
  #step(entries: readonly RunnerEntry[]): Float32Array[] {
    this.steps.push(entries.map((entry) => ({ ...entry, blocks: [...entry.blocks] })));
    return entries.flatMap((entry) => {
      entry.tokens.forEach((token, i) => {
        this.#tokens[this.#slot(entry, entry.firstPosition + i)] = token;
      });
      const end = entry.firstPosition + entry.tokens.length;
      return Array.from(
        { length: entry.numLogits },
        (_, i) => this.#predict(entry, end - entry.numLogits + i + 1),
      );
    });
  }

  /** Logits [V] behind the first `length` tokens. */
  #predict(entry: RunnerEntry, length: number): Float32Array {
    let context = 0;
    let last = 0;
    let before = 0;
    for (let position = 0; position < length; position++) {
      [before, last] = [last, this.#tokens[this.#slot(entry, position)]!];
      context = (31 * context + last + 7) % 1_000_003;
    }
    const logits = new Float32Array(VOCAB_SIZE);
    if (this.#isBroken(length)) return logits.fill(NaN);
    logits[(5 * last + 3 * before + 1) % NUM_LIKELY] = LIKELY;
    logits[context % NUM_LETTERS]! += context % SURPRISES === 0 ? SURPRISING : POSSIBLE;
    return logits;
  }

  #slot({ blocks }: RunnerEntry, position: number): number {
    const { blockSize } = this.limits;
    const block = blocks[Math.floor(position / blockSize)];
    if (block === undefined) throw new RangeError(`No block holds position ${position}`);
    return block * blockSize + position % blockSize;
  }
}

function argmax(logits: Float32Array): number {
  if (logits.some(Number.isNaN)) return NO_TOKEN;
  return logits.indexOf(Math.max(...logits));
}
