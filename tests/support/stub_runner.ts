/**
 * A runner without a device: its model says the letters of the alphabet in turn, and a text model to match.
 */
import type { Runner, RunnerEntry, RunnerLimits } from "../../engine/runtime/runner.ts";
import type { TextModel } from "../../engine/text/mod.ts";
import { createDetokenizer } from "../../engine/text/detokenizer.ts";
import { chooseToolFormat } from "../../engine/text/tool_calls/mod.ts";

/** Tokens 0 to 25 are the letters, 26 ends the text. */
export const END_OF_TEXT = 26;
const VOCAB_SIZE = 27;

/** What a test may set. */
export interface StubRunnerOptions extends Partial<RunnerLimits> {
  /** Called before each step; may throw. */
  onStep?: (entries: readonly RunnerEntry[]) => void;
  /** Says end-of-text after this letter. @default never */
  lastToken?: number;
}

/** Greedy output of token t is t + 1. */
export class StubRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly steps: RunnerEntry[][] = [];
  readonly #options: StubRunnerOptions;

  constructor(options: StubRunnerOptions = {}) {
    const { onStep: _, lastToken: __, ...limits } = options;
    this.#options = options;
    this.limits = {
      maxStepTokens: 16,
      maxSequences: 4,
      maxLogitsRows: 8,
      contextLength: 64,
      numBlocks: 16,
      blockSize: 4,
      vocabSize: VOCAB_SIZE,
      canShareBlocks: true,
      canRewind: true,
      ...limits,
    };
  }

  run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    this.#options.onStep?.(entries);
    this.steps.push(entries.map((entry) => ({ ...entry, blocks: [...entry.blocks] })));
    const wanted = entries.flatMap(({ tokens, numLogits }) =>
      tokens.slice(tokens.length - numLogits)
    );
    const logits = new Float32Array(wanted.length * VOCAB_SIZE);
    wanted.forEach((last, row) => {
      const next = last === this.#options.lastToken ? END_OF_TEXT : (last + 1) % 26;
      logits[row * VOCAB_SIZE + next] = 10;
    });
    return Promise.resolve(logits);
  }

  destroy(): void {}
}

/** One token a letter. */
export function createStubText(): TextModel {
  const encode = (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 97);
  const tokenBytes = (id: number) => id < 26 ? Uint8Array.of(97 + id) : new Uint8Array();
  return {
    vocabSize: VOCAB_SIZE,
    numTokens: VOCAB_SIZE,
    maxTokenBytes: 1,
    eosTokenIds: new Set([END_OF_TEXT]),
    stopStrings: [],
    toolFormat: chooseToolFormat(null),
    thinks: false,
    encodeChat: (messages) => encode(messages.map(({ content }) => content).join("")),
    encodeText: encode,
    encodeForEmbedding: (input) => typeof input === "string" ? encode(input) : [...input],
    tokenBytes,
    markedTokenBytes: tokenBytes,
    createDetokenizer: ({ stop }) =>
      createDetokenizer({ tokenBytes, stop, stripLeadingSpace: false }),
  };
}
